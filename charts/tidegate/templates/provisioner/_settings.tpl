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
  "s3Endpoint" .Values.objectStore.endpoint
  "clusterDns" .Values.dns.address
  "never" .Values.podNetworks
  | mustToPrettyJson -}}
{{- end }}
