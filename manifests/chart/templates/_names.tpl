{{- /* Of an object of the program that is named. */}}
{{- define "labels" -}}
app.kubernetes.io/name: {{ . }}
app.kubernetes.io/part-of: multiarch-scheduler
{{- end }}

{{- define "image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* The rule of a NetworkPolicy that lets callers of gRPC in. */}}
{{- define "grpc-callers" -}}
- from: {{- toYaml .Values.grpcCallers | nindent 4 }}
  ports:
    - {port: grpc, protocol: TCP}
{{- end }}
