//! What is kept beside the logs: IAM, EKS and Kubernetes as their own tools print them.

use serde_json::{Value, json};

use super::cast::Cast;
use super::clock;
use super::grants::{allow, document};

impl Cast {
    /// An account as `aws iam get-account-authorization-details` prints it.
    pub(crate) fn account_snapshot(&self, account: usize) -> Value {
        let id = &self.accounts[account];
        let created = "2024-11-05T10:00:00+00:00";
        let attached = |arns: &[String]| -> Vec<Value> {
            arns.iter().map(|arn| json!({"PolicyName": last(arn), "PolicyArn": arn})).collect()
        };
        let roles: Vec<Value> = self
            .roles
            .values()
            .filter(|role| &role.account == id)
            .map(|role| {
                let profiles: Vec<Value> = role
                    .profile
                    .iter()
                    .map(|name| {
                        json!({"Path": "/", "InstanceProfileName": name, "InstanceProfileId": format!("AIPA{}", &role.id[4..]),
                            "Arn": format!("arn:aws:iam::{id}:instance-profile/{name}"), "CreateDate": created,
                            "Roles": [{"Path": role.path, "RoleName": role.name, "RoleId": role.id, "Arn": role.arn,
                                "CreateDate": created, "AssumeRolePolicyDocument": role.trust}]})
                    })
                    .collect();
                let inline: Vec<Value> = role
                    .inline
                    .iter()
                    .map(|(name, document)| json!({"PolicyName": name, "PolicyDocument": document}))
                    .collect();
                let mut value = json!({"Path": role.path, "RoleName": role.name, "RoleId": role.id, "Arn": role.arn,
                    "CreateDate": created, "AssumeRolePolicyDocument": role.trust, "InstanceProfileList": profiles,
                    "RolePolicyList": inline, "AttachedManagedPolicies": attached(&role.managed), "Tags": [],
                    "RoleLastUsed": {}});
                if let Some(boundary) = &role.boundary {
                    value["PermissionsBoundary"] =
                        json!({"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary});
                }
                if let Some(time) = role.last_used {
                    value["RoleLastUsed"] = json!({"LastUsedDate": clock::iso(time).replace('Z', "+00:00"),
                        "Region": self.regions[account]});
                }
                value
            })
            .collect();
        let policies: Vec<Value> = self
            .managed
            .iter()
            .filter(|policy| policy.account == account)
            .map(|policy| {
                json!({"PolicyName": last(&policy.arn), "PolicyId": format!("ANPA{:0>10}EXAMPLE", policy.arn.len()),
                    "Arn": policy.arn, "Path": "/", "DefaultVersionId": "v1", "AttachmentCount": 1,
                    "PermissionsBoundaryUsageCount": 0, "IsAttachable": true, "CreateDate": created, "UpdateDate": created,
                    "PolicyVersionList": [{"Document": policy.document, "VersionId": "v1", "IsDefaultVersion": true,
                        "CreateDate": created}]})
            })
            .collect();
        let (mut users, mut groups) = (Vec::new(), Vec::new());
        if account == 0 {
            let group = format!("{}-machines", self.brand);
            let name = last(&self.user_arn()).to_owned();
            users.push(json!({"Path": "/", "UserName": name, "UserId": self.user_id, "Arn": self.user_arn(),
                "CreateDate": created, "GroupList": [group], "UserPolicyList": [], "AttachedManagedPolicies": [],
                "Tags": []}));
            let statements = [
                allow(&["ecr:GetAuthorizationToken", "ec2:DescribeInstances"], &["*"]),
                allow(&["sts:AssumeRole", "sts:TagSession"], &[&self.role("billing-export").arn]),
                allow(
                    &["sts:AssumeRole"],
                    &[&self.role("dag-orders").arn, &self.role("retired-importer").arn],
                ),
            ];
            groups.push(json!({"Path": "/", "GroupName": group, "GroupId": "AGPA0000000000EXAMPLE",
                "Arn": format!("arn:aws:iam::{id}:group/{group}"), "CreateDate": created,
                "GroupPolicyList": [{"PolicyName": "machines", "PolicyDocument": document(&statements)}],
                "AttachedManagedPolicies": []}));
        }
        json!({"UserDetailList": users, "GroupDetailList": groups, "RoleDetailList": roles, "Policies": policies})
    }

    /// `eks describe-cluster` and the Pod Identity associations.
    pub(crate) fn eks_files(&self) -> Vec<(String, Value)> {
        let mut files = Vec::new();
        for cluster in &self.clusters {
            let value = json!({"cluster": {"name": cluster.name, "arn": cluster.arn, "version": "1.34", "status": "ACTIVE",
                "identity": {"oidc": {"issuer": format!("https://{}", cluster.issuer)}}}});
            files.push((format!("eks-cluster-{}.json", cluster.name), value));
        }
        let apps = &self.clusters[0];
        let id = format!("a-{}", &self.key_id.replace('-', "")[..17]);
        let association = json!({"clusterName": apps.name, "namespace": "payments", "serviceAccount": "payments-api",
            "roleArn": self.role("payments-api").arn, "associationId": id, "disableSessionTags": false,
            "associationArn": format!("arn:aws:eks:{}:{}:podidentityassociation/{}/{id}", apps.region, apps.account, apps.name)});
        files.push((format!("eks-associations-{}.json", apps.name), json!({"associations": [association]})));
        files
    }

    /// ServiceAccount manifests by cluster name and file name.
    pub(crate) fn manifests(&self) -> Vec<(String, String, String)> {
        let apps = [
            ("shop", &["checkout", "catalog", "search"][..]),
            ("payments", &["payments-api"]),
            ("argo-batch", &["argo-batch-runner"]),
            ("argo-ml", &["argo-ml-runner"]),
            ("airflow", &["airflow-worker"]),
        ];
        let role_of = |name: &str| match name {
            "payments-api" => None,
            "argo-batch-runner" | "argo-ml-runner" => Some(&self.role("argo-workflows").arn),
            name => Some(&self.role(name).arn),
        };
        let manifest = |namespace: &str, name: &str| {
            let annotation = role_of(name).map_or_else(String::new, |arn| {
                format!("  annotations:\n    eks.amazonaws.com/role-arn: {arn}\n")
            });
            format!(
                "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  name: {name}\n  namespace: {namespace}\n{annotation}"
            )
        };
        let mut files = Vec::new();
        for (namespace, names) in apps {
            let text: Vec<String> = names.iter().map(|name| manifest(namespace, name)).collect();
            files.push((self.clusters[0].name.clone(), format!("{namespace}.yaml"), text.join("---\n")));
        }
        files.push((self.clusters[1].name.clone(), "lake.yaml".to_owned(), manifest("lake", "compactor")));
        files
    }
}

fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
