{{/* What egress review reads, its web side and its dispatcher alike. */}}
{{- define "tidegate.egressSettings" -}}
{{- dict
  "publicUrl" (include "tidegate.reviewUrl" .)
  "hubPublicUrl" (printf "%s/hub/" .Values.publicUrl)
  "objectStore" (dict "endpoint" .Values.objectStore.endpoint "region" .Values.objectStore.region "caFile" (include "tidegate.storeCa" .))
  | mustToPrettyJson -}}
{{- end }}
