{{/* What the provisioner reads: its own `KubernetesSettings`. */}}
{{- define "tidegate.provisionerSettings" -}}
{{- $project := .Values.project -}}
{{- dict
  "namespace" .Release.Namespace
  "release" .Release.Name
  "servicesImage" .Values.images.services
  "storageClass" $project.storageClass
  "sharedAccess" $project.sharedAccess
  "cohortsMib" $project.cohortsMebibytes
  "foreignKinds" $project.foreignKinds
  "s3Endpoint" (include "tidegate.storeAddress" .)
  "clusterDns" .Values.dns.address
  "never" .Values.podNetworks
  | mustToPrettyJson -}}
{{- end }}

{{/* HOST:PORT of the object store. */}}
{{- define "tidegate.storeAddress" -}}
{{- $url := urlParse .Values.objectStore.endpoint -}}
{{- if contains ":" $url.host }}{{ $url.host }}{{ else }}{{ printf "%s:%s" $url.host (eq $url.scheme "https" | ternary "443" "80") }}{{ end }}
{{- end }}
