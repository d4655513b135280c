//! Every call this program makes to AWS, and the permission it needs: one table.
//!
//! The clients name the row of each call they make, the minimal policies are generated from the rows, and a test runs the program
//! against a server that refuses whatever the policy does not allow.

/// A part of the program that needs permissions of its own.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Feature {
    /// Reading logs from a bucket.
    Audit,
    /// Finding the files of an `athena:` table.
    Athena,
    /// Reading logs from `cloudtrail:`.
    LookupEvents,
    /// Verifying logs in a bucket with live public keys.
    VerifyLogs,
    /// A store in a bucket, read and written.
    Store,
    /// `snapshot` and `--iam live`, all of its parts but the organization.
    Snapshot,
    /// The organization's tree and policies.
    Organization,
    /// Taking on a role in member accounts.
    MemberAccounts,
    /// `explain`, where it has AWS decode a message.
    Explain,
}

impl Feature {
    /// All of them, in the order they are told.
    pub const ALL: [Self; 9] = [
        Self::Audit,
        Self::Athena,
        Self::LookupEvents,
        Self::VerifyLogs,
        Self::Store,
        Self::Snapshot,
        Self::Organization,
        Self::MemberAccounts,
        Self::Explain,
    ];

    /// The word on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Athena => "athena",
            Self::LookupEvents => "lookup-events",
            Self::VerifyLogs => "verify-logs",
            Self::Store => "store",
            Self::Snapshot => "snapshot",
            Self::Organization => "organization",
            Self::MemberAccounts => "member-accounts",
            Self::Explain => "explain",
        }
    }
}

/// A piece of a snapshot, read by itself.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Part {
    /// Users, groups, roles, policies, instance profiles, OIDC and SAML providers.
    Iam,
    /// What IAM last saw each role do.
    LastAccessed,
    /// The organization's tree and policies.
    Organization,
    /// EKS clusters and their Pod Identity associations.
    Eks,
    /// ECS services and tasks, and the roles of what they run.
    Ecs,
    /// CloudTrail's trails, and what they record.
    Trails,
    /// CloudTrail's public keys.
    PublicKeys,
}

impl Part {
    /// All of them, in the order they are read.
    pub const ALL: [Self; 7] = [
        Self::Organization,
        Self::Iam,
        Self::LastAccessed,
        Self::Eks,
        Self::Ecs,
        Self::Trails,
        Self::PublicKeys,
    ];

    /// The word on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::LastAccessed => "last-accessed",
            Self::Organization => "organization",
            Self::Eks => "eks",
            Self::Ecs => "ecs",
            Self::Trails => "trails",
            Self::PublicKeys => "public-keys",
        }
    }
}

/// What a permission is about.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum On {
    /// The action takes no narrower resource, or all of an account's are read.
    Everything,
    /// The bucket of the logs.
    LogBucket,
    /// The objects in it.
    LogObjects,
    /// The key they are encrypted with.
    LogKey,
    /// The bucket of a store.
    StoreBucket,
    /// The objects in it.
    StoreObjects,
    /// The key they are encrypted with.
    StoreKey,
    /// The role in member accounts.
    MemberRole,
}

/// How often a call is made.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Times {
    /// Once in a run.
    Once,
    /// For each thing named, page by page where the answer has pages.
    Each(&'static str),
}

/// A row of the table.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Call {
    /// Who makes it.
    pub feature: Feature,
    /// The part of a snapshot it belongs to.
    pub part: Option<Part>,
    /// The service, as the AWS CLI calls it.
    pub service: &'static str,
    /// The operation.
    pub operation: &'static str,
    /// The permission; `None` where none is needed.
    pub action: Option<&'static str>,
    /// What the permission is about.
    pub on: On,
    /// How often.
    pub times: Times,
}

macro_rules! calls {
    ($($name:ident: $feature:ident $part:expr, $service:literal $operation:literal $action:expr, $on:ident $times:expr;)*) => {
        $(
            #[allow(dead_code, reason = "a row need not be named where only its permission counts")]
            pub(super) const $name: Call = Call {
            feature: Feature::$feature, part: $part, service: $service, operation: $operation, action: $action,
            on: On::$on, times: $times,
        };
        )*

        /// All calls.
        pub const CALLS: &[Call] = &[$($name),*];
    };
}

use Times::{Each, Once};

const IAM: Option<Part> = Some(Part::Iam);
const SEEN: Option<Part> = Some(Part::LastAccessed);
const TREE: Option<Part> = Some(Part::Organization);
const EKS: Option<Part> = Some(Part::Eks);
const ECS: Option<Part> = Some(Part::Ecs);
const TRAILS: Option<Part> = Some(Part::Trails);
const KEYS: Option<Part> = Some(Part::PublicKeys);

#[rustfmt::skip]
calls! {
    LIST_OBJECTS: Audit None, "s3" "ListObjectsV2" Some("s3:ListBucket"), LogBucket Each("account, Region and day");
    GET_OBJECT: Audit None, "s3" "GetObject" Some("s3:GetObject"), LogObjects Each("log object");
    // S3 makes it for the caller where the bucket is encrypted with a key of one's own.
    DECRYPT: Audit None, "kms" "Decrypt" Some("kms:Decrypt"), LogKey Each("log object under such a key");
    GET_TABLE: Athena None, "glue" "GetTable" Some("glue:GetTable"), Everything Each("table");
    GET_PARTITIONS: Athena None, "glue" "GetPartitions" Some("glue:GetPartitions"), Everything Each("table with partitions");
    LOOKUP_EVENTS: LookupEvents None, "cloudtrail" "LookupEvents" Some("cloudtrail:LookupEvents"), Everything Each("Region");
    LIST_DIGESTS: VerifyLogs None, "s3" "ListObjectsV2" Some("s3:ListBucket"), LogBucket Each("account, Region and day");
    GET_DIGEST: VerifyLogs None, "s3" "GetObject" Some("s3:GetObject"), LogObjects Each("log object and digest");
    DECRYPT_DIGEST: VerifyLogs None, "kms" "Decrypt" Some("kms:Decrypt"), LogKey Each("log object under such a key");
    LIST_DIGEST_KEYS: VerifyLogs None, "cloudtrail" "ListPublicKeys" Some("cloudtrail:ListPublicKeys"), Everything Each("Region");

    LIST_STORED: Store None, "s3" "ListObjectsV2" Some("s3:ListBucket"), StoreBucket Each("run");
    GET_STORED: Store None, "s3" "GetObject" Some("s3:GetObject"), StoreObjects Each("file of the store");
    PUT_STORED: Store None, "s3" "PutObject" Some("s3:PutObject"), StoreObjects Each("file written");
    DELETE_STORED: Store None, "s3" "DeleteObject" Some("s3:DeleteObject"), StoreObjects Each("file no longer needed");
    // S3 makes them for the caller where the bucket is encrypted with a key of one's own.
    DECRYPT_STORED: Store None, "kms" "Decrypt" Some("kms:Decrypt"), StoreKey Each("file under such a key");
    ENCRYPT_STORED: Store None, "kms" "GenerateDataKey" Some("kms:GenerateDataKey"), StoreKey Each("file under such a key");

    // Who am I: needs no permission, and cannot be denied.
    GET_CALLER_IDENTITY: Snapshot None, "sts" "GetCallerIdentity" None, Everything Once;
    ASSUME_ROLE: MemberAccounts None, "sts" "AssumeRole" Some("sts:AssumeRole"), MemberRole Each("member account");

    DESCRIBE_ORGANIZATION: Organization TREE, "organizations" "DescribeOrganization" Some("organizations:DescribeOrganization"), Everything Once;
    LIST_ROOTS: Organization TREE, "organizations" "ListRoots" Some("organizations:ListRoots"), Everything Once;
    LIST_UNITS: Organization TREE, "organizations" "ListOrganizationalUnitsForParent" Some("organizations:ListOrganizationalUnitsForParent"), Everything Each("root and unit");
    LIST_ACCOUNTS: Organization TREE, "organizations" "ListAccountsForParent" Some("organizations:ListAccountsForParent"), Everything Each("root and unit");
    LIST_POLICIES: Organization TREE, "organizations" "ListPolicies" Some("organizations:ListPolicies"), Everything Each("kind of policy");
    DESCRIBE_POLICY: Organization TREE, "organizations" "DescribePolicy" Some("organizations:DescribePolicy"), Everything Each("policy");
    LIST_TARGETS: Organization TREE, "organizations" "ListTargetsForPolicy" Some("organizations:ListTargetsForPolicy"), Everything Each("policy");

    GET_ACCOUNT_AUTHORIZATION_DETAILS: Snapshot IAM, "iam" "GetAccountAuthorizationDetails" Some("iam:GetAccountAuthorizationDetails"), Everything Each("account");
    LIST_INSTANCE_PROFILES: Snapshot IAM, "iam" "ListInstanceProfiles" Some("iam:ListInstanceProfiles"), Everything Each("account");
    LIST_OIDC_PROVIDERS: Snapshot IAM, "iam" "ListOpenIDConnectProviders" Some("iam:ListOpenIDConnectProviders"), Everything Each("account");
    GET_OIDC_PROVIDER: Snapshot IAM, "iam" "GetOpenIDConnectProvider" Some("iam:GetOpenIDConnectProvider"), Everything Each("OIDC provider");
    LIST_SAML_PROVIDERS: Snapshot IAM, "iam" "ListSAMLProviders" Some("iam:ListSAMLProviders"), Everything Each("account");

    GENERATE_LAST_ACCESSED: Snapshot SEEN, "iam" "GenerateServiceLastAccessedDetails" Some("iam:GenerateServiceLastAccessedDetails"), Everything Each("role");
    GET_LAST_ACCESSED: Snapshot SEEN, "iam" "GetServiceLastAccessedDetails" Some("iam:GetServiceLastAccessedDetails"), Everything Each("role");

    LIST_CLUSTERS: Snapshot EKS, "eks" "ListClusters" Some("eks:ListClusters"), Everything Each("account and Region");
    DESCRIBE_CLUSTER: Snapshot EKS, "eks" "DescribeCluster" Some("eks:DescribeCluster"), Everything Each("cluster");
    LIST_ASSOCIATIONS: Snapshot EKS, "eks" "ListPodIdentityAssociations" Some("eks:ListPodIdentityAssociations"), Everything Each("cluster");
    DESCRIBE_ASSOCIATION: Snapshot EKS, "eks" "DescribePodIdentityAssociation" Some("eks:DescribePodIdentityAssociation"), Everything Each("association");

    LIST_ECS_CLUSTERS: Snapshot ECS, "ecs" "ListClusters" Some("ecs:ListClusters"), Everything Each("account and Region");
    LIST_ECS_SERVICES: Snapshot ECS, "ecs" "ListServices" Some("ecs:ListServices"), Everything Each("ECS cluster");
    DESCRIBE_ECS_SERVICES: Snapshot ECS, "ecs" "DescribeServices" Some("ecs:DescribeServices"), Everything Each("ten services");
    LIST_ECS_TASKS: Snapshot ECS, "ecs" "ListTasks" Some("ecs:ListTasks"), Everything Each("ECS cluster");
    DESCRIBE_ECS_TASKS: Snapshot ECS, "ecs" "DescribeTasks" Some("ecs:DescribeTasks"), Everything Each("hundred tasks");
    DESCRIBE_TASK_DEFINITION: Snapshot ECS, "ecs" "DescribeTaskDefinition" Some("ecs:DescribeTaskDefinition"), Everything Each("task definition in use");

    DESCRIBE_TRAILS: Snapshot TRAILS, "cloudtrail" "DescribeTrails" Some("cloudtrail:DescribeTrails"), Everything Each("account and Region");
    GET_TRAIL_STATUS: Snapshot TRAILS, "cloudtrail" "GetTrailStatus" Some("cloudtrail:GetTrailStatus"), Everything Each("trail");
    GET_EVENT_SELECTORS: Snapshot TRAILS, "cloudtrail" "GetEventSelectors" Some("cloudtrail:GetEventSelectors"), Everything Each("trail");

    LIST_PUBLIC_KEYS: Snapshot KEYS, "cloudtrail" "ListPublicKeys" Some("cloudtrail:ListPublicKeys"), Everything Each("Region");

    DECODE_MESSAGE: Explain None, "sts" "DecodeAuthorizationMessage" Some("sts:DecodeAuthorizationMessage"), Everything Each("encoded message");
}
