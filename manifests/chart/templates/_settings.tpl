{{- /* The settings files: what the operator says, over what the other values stand for. */}}

{{- define "images-settings" -}}
readPullSecrets: {{ ne .Values.pullSecrets.mode "none" }}
{{- end }}

{{- define "settings" -}}
{{- $settings := dict "apiVersion" "multiarch-scheduler.io/v1alpha1" "kind" "SchedulerSettings" }}
{{- $_ := set $settings "images" (include "images-settings" . | fromYaml) }}
{{- if .Values.sharing.enabled }}
{{- $_ := set $settings "sharing" (dict "enabled" true) }}
{{- end }}
{{- if .Values.scheduler.configuration }}
{{- $_ := set $settings "schedulerConfiguration" "profiles.yaml" }}
{{- end }}
{{- if .Values.scheduler.grpc.enabled }}
{{- $folder := "/etc/multiarch-scheduler-tls" }}
{{- $tls := dict "certificate" (printf "%s/tls.crt" $folder) "key" (printf "%s/tls.key" $folder) }}
{{- /* Memory grows by three and a half times a question, and the container's limit is 512Mi. */}}
{{- $_ := set $settings "rpc" (dict "enabled" true "tls" $tls "maxRequestMegabytes" 64) }}
{{- end }}
{{- mergeOverwrite $settings (deepCopy .Values.scheduler.settings) | toYaml }}
{{- end }}

{{- define "extender-settings" -}}
{{- $settings := dict "apiVersion" "multiarch-scheduler.io/v1alpha1" "kind" "ExtenderSettings" }}
{{- $_ := set $settings "images" (include "images-settings" . | fromYaml) }}
{{- if eq .Values.extender.mode "narrow" }}
{{- $_ := set $settings "answering" (dict "maxNodes" 4) }}
{{- else if eq .Values.extender.mode "delegated" }}
{{- $_ := set $settings "answering" (dict "delegated" true) }}
{{- end }}
{{- mergeOverwrite $settings (deepCopy .Values.extender.settings) | toYaml }}
{{- end }}

{{- define "expander-settings" -}}
{{- $settings := dict "apiVersion" "multiarch-scheduler.io/v1alpha1" "kind" "SchedulerSettings" }}
{{- $_ := set $settings "images" (include "images-settings" . | fromYaml) }}
{{- mergeOverwrite $settings (deepCopy .Values.expander.settings) | toYaml }}
{{- end }}
