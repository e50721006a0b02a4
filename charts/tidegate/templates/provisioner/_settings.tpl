{{/* What the provisioner reads: `provisioner.kubernetes_settings.KubernetesSettings`. */}}
{{- define "tidegate.provisionerSettings" -}}
{{- $project := .Values.project -}}
{{- dict
  "namespace" .Release.Namespace
  "release" .Release.Name
  "servicesImage" .Values.images.services
  "storageClass" $project.storageClass
  "sharedAccess" $project.sharedAccess
  "cohortsMib" $project.cohortsMebibytes
  "cohort" (dict
    "volumeMib" $project.cohort.volumeMebibytes
    "jobSeconds" $project.cohort.jobSeconds
    "nodeSelector" $project.cohort.nodeSelector)
  "loader" (dict "cpus" $project.loader.cpus "memoryMib" $project.loader.memoryMebibytes)
  "profiles" (include "tidegate.profiles" . | fromJsonArray)
  "foreignKinds" $project.foreignKinds
  "objectStore" (include "tidegate.objectStore" . | fromJson)
  "hubService" (printf "%s-hub" .Release.Name)
  "egressService" (printf "%s-egress" .Release.Name)
  "clusterDns" .Values.dns.address
  "never" .Values.podNetworks
  | mustToPrettyJson -}}
{{- end }}

{{/* Where the object store is, as every service of ours is told it. */}}
{{- define "tidegate.objectStore" -}}
{{- dict
  "endpoint" .Values.objectStore.endpoint
  "region" .Values.objectStore.region
  "caFile" (include "tidegate.storeCa" .)
  | mustToJson -}}
{{- end }}
