{{- define "labels" -}}
app.kubernetes.io/name: multiarch-scheduler
app.kubernetes.io/part-of: multiarch-scheduler
{{- end }}

{{- define "image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* The settings file: what the operator says, over what the other values stand for. */}}
{{- define "settings" -}}
{{- $settings := dict "apiVersion" "multiarch-scheduler.io/v1alpha1" "kind" "SchedulerSettings" }}
{{- if .Values.sharing.enabled }}
{{- $_ := set $settings "sharing" (dict "enabled" true) }}
{{- end }}
{{- if eq .Values.pullSecrets.mode "none" }}
{{- $_ := set $settings "images" (dict "readPullSecrets" false) }}
{{- end }}
{{- if .Values.scheduler.configuration }}
{{- $_ := set $settings "schedulerConfiguration" "profiles.yaml" }}
{{- end }}
{{- mergeOverwrite $settings (deepCopy .Values.scheduler.settings) | toYaml }}
{{- end }}

{{- define "extender-labels" -}}
app.kubernetes.io/name: multiarch-extender
app.kubernetes.io/part-of: multiarch-scheduler
{{- end }}

{{- define "extender-settings" -}}
{{- $settings := dict "apiVersion" "multiarch-scheduler.io/v1alpha1" "kind" "ExtenderSettings" }}
{{- if .Values.extender.delegated }}
{{- $_ := set $settings "answering" (dict "delegated" true) }}
{{- end }}
{{- if eq .Values.pullSecrets.mode "none" }}
{{- $_ := set $settings "images" (dict "readPullSecrets" false) }}
{{- end }}
{{- mergeOverwrite $settings (deepCopy .Values.extender.settings) | toYaml }}
{{- end }}
