//! Kinds of actions whose holders deserve a second look.
//!
//! Which actions hand out credentials or stored data follows from what AWS says they return; the choice of actions begins with
//! Primeharbor's list of sensitive IAM actions (CC0). What changes who may reach a resource is what AWS itself classifies as
//! permissions management, and actions that do the same by another name: shares, users, trusts, passwords, and things that are made with a
//! policy of their own.
//!
//! See: <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>

use super::ActionSet;
use crate::catalog::{Catalog, Levels};

/// A kind of sensitive actions.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Sensitive {
    /// Returns or makes credentials.
    Credentials,
    /// Returns stored data.
    Data,
    /// Changes who may reach a resource.
    Exposure,
}

impl Sensitive {
    /// All kinds, in the order they are reported.
    pub const ALL: [Self; 3] = [Self::Credentials, Self::Data, Self::Exposure];

    /// The word in the report.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Data => "data",
            Self::Exposure => "exposure",
        }
    }

    /// Every action of the catalog that is of this kind.
    pub fn actions(self, catalog: &Catalog) -> ActionSet {
        match self {
            Self::Credentials => named(CREDENTIALS, catalog),
            Self::Data => named(DATA, catalog),
            Self::Exposure => {
                let is_exposure = |id: &crate::catalog::ActionId| {
                    catalog.info(*id).is_some_and(|info| {
                        info.levels().contains(Levels::PERMISSIONS_MANAGEMENT)
                            // What IAM's own actions change is told by the ways to more access.
                            && !info.action().service().eq_ignore_ascii_case("iam")
                    })
                };
                let mut actions: ActionSet = catalog.all().filter(is_exposure).collect();
                actions.extend(&named(EXPOSURE, catalog));
                actions
            }
        }
    }
}

/// Names that the catalog no longer knows are passed over.
fn named(services: &[(&str, &str)], catalog: &Catalog) -> ActionSet {
    services
        .iter()
        .flat_map(|(service, names)| names.split(' ').map(move |name| (service, name)))
        .filter_map(|(service, name)| catalog.find_in(service, name))
        .collect()
}

/// Actions that return or make credentials, by service.
const CREDENTIALS: &[(&str, &str)] = &[
    ("airflow", "CreateCliToken CreateWebLoginToken"),
    ("appsync", "CreateApiKey ListApiKeys"),
    ("athena", "GetSession"),
    ("chatbot", "GetMicrosoftTeamsOauthParameters GetSlackOauthParameters"),
    ("chime", "CreateApiKey"),
    ("cloud9", "CreateEnvironmentSSH CreateEnvironmentToken"),
    ("codeartifact", "GetAuthorizationToken"),
    ("codepipeline", "PollForJobs"),
    ("cognito-identity", "GetCredentialsForIdentity GetOpenIdToken GetOpenIdTokenForDeveloperIdentity"),
    ("cognito-idp", "DescribeUserPoolClient GetUserAttributeVerificationCode"),
    ("connect", "GetFederationToken ListSecurityKeys"),
    ("ec2", "GetPasswordData"),
    ("ec2-instance-connect", "SendSSHPublicKey"),
    ("ecr", "GetAuthorizationToken"),
    ("ecr-public", "GetAuthorizationToken"),
    ("emr-containers", "GetManagedEndpointSessionCredentials"),
    ("finspace-api", "GetProgrammaticAccessCredentials"),
    ("gamelift", "GetComputeAuthToken GetGameSessionLogUrl GetInstanceAccess RequestUploadCredentials"),
    ("grafana", "CreateWorkspaceApiKey"),
    (
        "iam",
        "CreateAccessKey CreateLoginProfile CreateServiceSpecificCredential ResetServiceSpecificCredential UpdateAccessKey",
    ),
    ("license-manager", "GetAccessToken"),
    (
        "lightsail",
        "CreateBucketAccessKey DownloadDefaultKeyPair GetBucketAccessKeys GetInstanceAccessDetails GetKeyPair GetKeyPairs GetRelationalDatabaseMasterUserPassword",
    ),
    ("mediapackage", "RotateChannelCredentials RotateIngestEndpointCredentials"),
    ("rds-db", "connect"),
    ("redshift", "GetClusterCredentials GetClusterCredentialsWithIAM"),
    ("redshift-serverless", "GetCredentials"),
    ("s3", "GetDataAccess"),
    ("secretsmanager", "BatchGetSecretValue GetSecretValue"),
    ("snowball", "GetJobUnlockCode"),
    ("sso-directory", "ListBearerTokens"),
    ("storagegateway", "DescribeChapCredentials"),
    ("sts", "AssumeRole GetFederationToken"),
];

/// Actions that return stored data, by service.
const DATA: &[(&str, &str)] = &[
    ("aoss", "APIAccessAll DashboardsAccessAll"),
    ("appsync", "GetDataSource GetFunction"),
    ("athena", "GetQueryExecution GetQueryResults GetQueryResultsStream"),
    ("cassandra", "Select"),
    (
        "chatbot",
        "DescribeSlackChannels DescribeSlackUserIdentities ListMicrosoftTeamsConfiguredTeams ListMicrosoftTeamsUserIdentities",
    ),
    (
        "chime",
        "GetAttendee GetChannelMessage GetMeeting GetMeetingDetail GetRoom GetUser GetUserActivityReportData GetUserByEmail GetUserSettings ListAttendees ListMeetingEvents ListMeetings ListUsers",
    ),
    ("cleanrooms", "GetProtectedQuery"),
    ("cloudformation", "GetTemplate"),
    ("cloudfront", "GetFunction"),
    ("cloudtrail", "GetQueryResults LookupEvents"),
    ("codeartifact", "GetPackageVersionAsset GetPackageVersionReadme ReadFromRepository"),
    ("codebuild", "BatchGetReportGroups BatchGetReports"),
    (
        "codecommit",
        "BatchGetCommits BatchGetPullRequests BatchGetRepositories DescribeMergeConflicts DescribePullRequestEvents GetApprovalRuleTemplate GetBlob GetBranch GetComment GetCommentReactions GetCommentsForComparedCommit GetCommentsForPullRequest GetCommit GetCommitHistory GetCommitsFromMergeBase GetDifferences GetFile GetFolder GetMergeCommit GetMergeConflicts GetMergeOptions GetObjectIdentifier GetPullRequest GetPullRequestApprovalStates GetPullRequestOverrideState GetReferences GetTree GitPull",
    ),
    ("codeguru-profiler", "GetRecommendations"),
    ("codeguru-reviewer", "DescribeCodeReview DescribeRecommendationFeedback"),
    ("codepipeline", "GetPipelineExecution"),
    ("cognito-identity", "LookupDeveloperIdentity"),
    (
        "cognito-idp",
        "AdminGetDevice AdminGetUser AdminListDevices AdminListGroupsForUser AdminListUserAuthEvents GetDevice GetGroup GetUser ListDevices ListGroups ListUsers",
    ),
    ("cognito-sync", "ListRecords QueryRecords"),
    ("connect", "ListUsers"),
    ("datapipeline", "QueryObjects"),
    ("dax", "BatchGetItem GetItem Query Scan"),
    ("dynamodb", "BatchGetItem GetItem GetRecords Query Scan"),
    ("ecr", "GetDownloadUrlForLayer"),
    ("es", "ESHttpDelete ESHttpGet ESHttpHead ESHttpPatch ESHttpPost ESHttpPut"),
    ("gamelift", "GetInstanceAccess"),
    ("healthlake", "ReadResource SearchWithGet SearchWithPost"),
    ("kendra", "Query"),
    ("kinesis", "GetRecords"),
    ("kinesisvideo", "GetImages GetMedia"),
    ("lambda", "GetFunction GetLayerVersion"),
    ("lightsail", "GetContainerImages"),
    ("logs", "GetLogEvents GetLogRecord GetQueryResults Unmask"),
    ("macie2", "GetFindings"),
    ("mediastore", "GetObject"),
    ("qldb", "GetBlock"),
    ("rds", "DownloadCompleteDBLogFile DownloadDBLogFilePortion"),
    ("robomaker", "GetWorldTemplateBody"),
    ("s3", "GetObject GetObjectVersion"),
    ("s3-object-lambda", "GetObject GetObjectVersion ListBucket"),
    ("sagemaker", "Search"),
    ("sdb", "Select"),
    ("serverlessrepo", "GetApplication GetCloudFormationTemplate"),
    ("sqs", "ReceiveMessage"),
    ("ssm", "GetDocument GetParameter GetParameterHistory GetParameters GetParametersByPath"),
    ("sso", "SearchGroups SearchUsers"),
    ("sso-directory", "DescribeGroup DescribeUser SearchGroups SearchUsers"),
    ("support", "DescribeAttachment DescribeCommunications"),
    ("wafv2", "GetSampledRequests"),
    ("workdocs", "GetDocument GetDocumentPath GetDocumentVersion"),
    ("workmail", "ListGroupMembers ListGroups ListUsers"),
];

/// Actions that change who may reach something, though AWS classifies them otherwise, by service.
const EXPOSURE: &[(&str, &str)] = &[
    ("chime", "DeleteVoiceConnectorTerminationCredentials PutVoiceConnectorTerminationCredentials"),
    ("codebuild", "DeleteSourceCredentials ImportSourceCredentials"),
    (
        "cognito-identity",
        "CreateIdentityPool DeleteIdentities DeleteIdentityPool GetId MergeDeveloperIdentities SetIdentityPoolRoles UnlinkDeveloperIdentity UnlinkIdentity UpdateIdentityPool",
    ),
    ("ds", "CreateConditionalForwarder CreateDirectory CreateMicrosoftAD CreateTrust ShareDirectory"),
    ("es", "CreateElasticsearchDomain UpdateElasticsearchDomainConfig"),
    ("iotsitewise", "CreateAccessPolicy DeleteAccessPolicy UpdateAccessPolicy"),
    ("lightsail", "GetRelationalDatabaseMasterUserPassword"),
    ("mediapackage", "RotateIngestEndpointCredentials"),
    (
        "quicksight",
        "CreateAdmin CreateGroup CreateGroupMembership CreateIAMPolicyAssignment CreateUser DeleteGroup DeleteGroupMembership DeleteIAMPolicyAssignment DeleteUser DeleteUserByPrincipalId RegisterUser UpdateGroup UpdateIAMPolicyAssignment UpdateUser",
    ),
    (
        "ram",
        "AcceptResourceShareInvitation AssociateResourceShare CreateResourceShare DeleteResourceShare DisassociateResourceShare RejectResourceShareInvitation UpdateResourceShare",
    ),
    ("sns", "CreateTopic"),
    ("sqs", "CreateQueue"),
    (
        "sso",
        "AssociateDirectory AssociateProfile CreateApplicationInstance CreateApplicationInstanceCertificate CreatePermissionSet CreateProfile CreateTrust DeleteApplicationInstance DeleteApplicationInstanceCertificate DeletePermissionSet DeleteProfile DisassociateDirectory DisassociateProfile ImportApplicationInstanceServiceProviderMetadata StartSSO UpdateApplicationInstanceActiveCertificate UpdateApplicationInstanceDisplayData UpdateApplicationInstanceResponseConfiguration UpdateApplicationInstanceResponseSchemaConfiguration UpdateApplicationInstanceSecurityConfiguration UpdateApplicationInstanceServiceProviderConfiguration UpdateApplicationInstanceStatus UpdateProfile UpdateSSOConfiguration UpdateTrust",
    ),
    (
        "sso-directory",
        "AddMemberToGroup CreateAlias CreateGroup CreateUser DeleteGroup DeleteUser DisableUser EnableUser RemoveMemberFromGroup UpdateGroup UpdatePassword UpdateUser VerifyEmail",
    ),
    (
        "storagegateway",
        "DeleteChapCredentials SetLocalConsolePassword SetSMBGuestPassword UpdateChapCredentials",
    ),
    ("wafv2", "CreateWebACL DeleteWebACL UpdateWebACL"),
    ("worklink", "UpdateDevicePolicyConfiguration"),
    ("workmail", "ResetPassword"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_name_actions_aws_has() {
        let catalog = Catalog::embedded();
        for table in [CREDENTIALS, DATA, EXPOSURE] {
            assert!(table.is_sorted_by_key(|(service, _)| *service));
            let (mut known, mut unknown) = (0, Vec::new());
            for (service, names) in table {
                assert!(names.split(' ').is_sorted(), "{service}");
                for name in names.split(' ') {
                    match catalog.find_in(service, name) {
                        Some(_) => known += 1,
                        None => unknown.push(format!("{service}:{name}")),
                    }
                }
            }
            // AWS withdraws services; what was withdrawn is granted to nobody.
            assert!(unknown.len() * 8 < known, "{unknown:?}");
        }
    }

    #[test]
    fn kinds() {
        let catalog = Catalog::embedded();
        let is =
            |kind: Sensitive, action: &str| kind.actions(catalog).contains(catalog.find(action).unwrap());
        assert!(is(Sensitive::Credentials, "iam:CreateAccessKey"));
        assert!(is(Sensitive::Data, "s3:GetObject") && !is(Sensitive::Data, "s3:PutObject"));
        assert!(
            is(Sensitive::Exposure, "s3:PutBucketPolicy") && !is(Sensitive::Exposure, "iam:PutRolePolicy")
        );
    }
}
