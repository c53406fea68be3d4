{{/* One operator is one name, as the Role that tenants give for their credentials names it. */}}
{{- define "pintle.name" -}}
pintle-operator
{{- end }}

{{/* Cluster-wide objects of an operator for some namespaces, of which there may be several. */}}
{{- define "pintle.clusterName" -}}
{{- if eq .Values.scope "cluster" -}}
{{ include "pintle.name" . }}
{{- else -}}
{{ printf "%s-%s" (include "pintle.name" .) .Release.Namespace | trunc 56 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "pintle.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pintle.name" . }}
{{- end }}

{{- define "pintle.labels" -}}
app.kubernetes.io/part-of: pintle
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "pintle.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{ printf "%s@%s" $image.repository $image.digest }}
{{- else -}}
{{ printf "%s:%s" $image.repository ($image.tag | default .Chart.AppVersion) }}
{{- end -}}
{{- end }}

{{- define "pintle.subject" -}}
- kind: ServiceAccount
  name: {{ include "pintle.name" . }}
  namespace: {{ .Release.Namespace }}
{{- end }}

{{/* A number as it is written: YAML's large ones are floats, which would be printed as 2.147483648e+10. */}}
{{- define "pintle.plain" -}}
{{- if kindIs "float64" . -}}
{{- if eq (floor .) . -}}{{ int64 . }}{{- else -}}{{ . }}{{- end -}}
{{- else -}}
{{ . }}
{{- end -}}
{{- end }}
