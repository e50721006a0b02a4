{{/* `egress_review.bootstrap.settings.KubernetesSettings`, for its web side and its dispatcher alike. */}}
{{- define "tidegate.egressSettings" -}}
{{- dict
  "publicUrl" (include "tidegate.reviewUrl" .)
  "hubPublicUrl" (printf "%s/hub/" .Values.publicUrl)
  "hubService" (printf "%s-hub" .Release.Name)
  "ownService" (printf "%s-egress" .Release.Name)
  "objectStore" (include "tidegate.objectStore" . | fromJson)
  | mustToPrettyJson -}}
{{- end }}
