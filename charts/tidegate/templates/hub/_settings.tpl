{{/* `workspace.hub.kubernetes.settings.KubernetesSettings` */}}
{{- define "tidegate.hubSettings" -}}
{{- $workspace := .Values.workspace -}}
{{- dict
  "publicUrl" .Values.publicUrl
  "images" (pick .Values.images "session" "services")
  "serviceNames" (dict
    "hub" (printf "%s-hub" .Release.Name)
    "proxyApi" (printf "%s-proxy-api" .Release.Name)
    "egress" (printf "%s-egress" .Release.Name))
  "idleSeconds" $workspace.idleSeconds
  "longestSeconds" $workspace.longestSeconds
  "startSeconds" $workspace.startSeconds
  "profiles" (include "tidegate.profiles" . | fromJsonArray)
  "hostUsers" $workspace.hostUsers
  | mustToPrettyJson -}}
{{- end }}
