//! Well-known ways from some permissions to more.
//!
//! Each row follows from what AWS says its actions do: whoever may perform all of a row's actions can come to hold permissions they
//! were not given. The choice and the words are ours.

/// One way to more access.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct EscalationPath {
    /// The actions, joined by ` + `.
    pub name: &'static str,
    /// What it comes to, in a few words.
    pub what: &'static str,
    /// All of these are needed.
    pub actions: &'static [&'static str],
    /// The role needs no other principal and no running code: it changes permissions itself.
    pub is_direct: bool,
}

const fn direct(name: &'static str, what: &'static str, actions: &'static [&'static str]) -> EscalationPath {
    EscalationPath { name, what, actions, is_direct: true }
}

const fn through(name: &'static str, what: &'static str, actions: &'static [&'static str]) -> EscalationPath {
    EscalationPath { name, what, actions, is_direct: false }
}

/// All paths, sorted by name.
pub const ESCALATION_PATHS: &[EscalationPath] = &[
    through("apprunner:UpdateService", "change an App Runner service", &["apprunner:UpdateService"]),
    through("batch:SubmitJob", "run a command of one's own in a Batch job", &["batch:SubmitJob"]),
    through(
        "bedrock-agentcore:InvokeAgentRuntimeCommand",
        "run commands in an agent runtime",
        &["bedrock-agentcore:InvokeAgentRuntimeCommand"],
    ),
    through(
        "bedrock-agentcore:StartBrowserSession + bedrock-agentcore:ConnectBrowserAutomationStream",
        "drive an agent's browser",
        &["bedrock-agentcore:StartBrowserSession", "bedrock-agentcore:ConnectBrowserAutomationStream"],
    ),
    through(
        "bedrock-agentcore:StartCodeInterpreterSession + bedrock-agentcore:InvokeCodeInterpreter",
        "run code in a code interpreter",
        &["bedrock-agentcore:StartCodeInterpreterSession", "bedrock-agentcore:InvokeCodeInterpreter"],
    ),
    through(
        "cloudformation:CreateChangeSet + cloudformation:ExecuteChangeSet",
        "change a CloudFormation stack by a change set",
        &["cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet"],
    ),
    through("cloudformation:UpdateStack", "change a CloudFormation stack", &["cloudformation:UpdateStack"]),
    through(
        "codebuild:StartBuild",
        "run a build of one's own in a CodeBuild project",
        &["codebuild:StartBuild"],
    ),
    through(
        "codebuild:StartBuildBatch",
        "run builds of one's own in a CodeBuild project",
        &["codebuild:StartBuildBatch"],
    ),
    through(
        "codedeploy:RegisterApplicationRevision + codedeploy:CreateDeployment",
        "deploy a revision of one's own",
        &["codedeploy:RegisterApplicationRevision", "codedeploy:CreateDeployment"],
    ),
    through(
        "ec2-instance-connect:SendSSHPublicKey",
        "log in to instances by key",
        &["ec2-instance-connect:SendSSHPublicKey"],
    ),
    through(
        "ec2:CreateLaunchTemplateVersion + ec2:ModifyLaunchTemplate",
        "change what new instances start with",
        &["ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate"],
    ),
    through(
        "ec2:ModifyInstanceAttribute + ec2:StopInstances + ec2:StartInstances",
        "replace an instance's start-up script",
        &["ec2:ModifyInstanceAttribute", "ec2:StopInstances", "ec2:StartInstances"],
    ),
    through("ecs:ExecuteCommand", "open a shell in containers", &["ecs:ExecuteCommand"]),
    through("glue:UpdateDevEndpoint", "change a Glue endpoint", &["glue:UpdateDevEndpoint"]),
    direct("iam:AddUserToGroup", "add a user to a group", &["iam:AddUserToGroup"]),
    direct("iam:AttachGroupPolicy", "attach a policy to a group", &["iam:AttachGroupPolicy"]),
    direct("iam:AttachRolePolicy", "attach a policy to a role", &["iam:AttachRolePolicy"]),
    direct("iam:AttachUserPolicy", "attach a policy to a user", &["iam:AttachUserPolicy"]),
    through("iam:CreateAccessKey", "create an access key for a user", &["iam:CreateAccessKey"]),
    through("iam:CreateLoginProfile", "create console access for a user", &["iam:CreateLoginProfile"]),
    direct("iam:CreatePolicyVersion", "create a policy version", &["iam:CreatePolicyVersion"]),
    through(
        "iam:DeactivateMFADevice + iam:UpdateLoginProfile",
        "take over a user's second factor",
        &["iam:DeactivateMFADevice", "iam:UpdateLoginProfile"],
    ),
    direct(
        "iam:DeleteRolePermissionsBoundary",
        "remove a role's permissions boundary",
        &["iam:DeleteRolePermissionsBoundary"],
    ),
    direct(
        "iam:DeleteUserPermissionsBoundary",
        "remove a user's permissions boundary",
        &["iam:DeleteUserPermissionsBoundary"],
    ),
    through(
        "iam:PassRole + apprunner:CreateService",
        "pass a role to an App Runner service",
        &["iam:PassRole", "apprunner:CreateService"],
    ),
    through(
        "iam:PassRole + autoscaling:CreateLaunchConfiguration + autoscaling:CreateAutoScalingGroup",
        "pass a role to new instances of a group",
        &["iam:PassRole", "autoscaling:CreateLaunchConfiguration", "autoscaling:CreateAutoScalingGroup"],
    ),
    through(
        "iam:PassRole + autoscaling:CreateLaunchConfiguration + autoscaling:UpdateAutoScalingGroup",
        "pass a role to instances of a changed group",
        &["iam:PassRole", "autoscaling:CreateLaunchConfiguration", "autoscaling:UpdateAutoScalingGroup"],
    ),
    through(
        "iam:PassRole + batch:RegisterJobDefinition + batch:SubmitJob",
        "pass a role to a Batch job",
        &["iam:PassRole", "batch:RegisterJobDefinition", "batch:SubmitJob"],
    ),
    through(
        "iam:PassRole + bedrock-agentcore:CreateAgentRuntime",
        "pass a role to an agent runtime",
        &["iam:PassRole", "bedrock-agentcore:CreateAgentRuntime"],
    ),
    through(
        "iam:PassRole + bedrock-agentcore:CreateBrowser + bedrock-agentcore:StartBrowserSession",
        "pass a role to an agent's browser",
        &["iam:PassRole", "bedrock-agentcore:CreateBrowser", "bedrock-agentcore:StartBrowserSession"],
    ),
    through(
        "iam:PassRole + bedrock-agentcore:CreateCodeInterpreter + bedrock-agentcore:StartCodeInterpreterSession + bedrock-agentcore:InvokeCodeInterpreter",
        "pass a role to a code interpreter",
        &[
            "iam:PassRole",
            "bedrock-agentcore:CreateCodeInterpreter",
            "bedrock-agentcore:StartCodeInterpreterSession",
            "bedrock-agentcore:InvokeCodeInterpreter",
        ],
    ),
    through(
        "iam:PassRole + braket:CreateJob",
        "pass a role to a Braket job",
        &["iam:PassRole", "braket:CreateJob"],
    ),
    through(
        "iam:PassRole + cloudformation:CreateStack",
        "pass a role to a CloudFormation stack",
        &["iam:PassRole", "cloudformation:CreateStack"],
    ),
    through(
        "iam:PassRole + cloudformation:CreateStackSet + cloudformation:CreateStackInstances",
        "pass a role to a CloudFormation stack set",
        &["iam:PassRole", "cloudformation:CreateStackSet", "cloudformation:CreateStackInstances"],
    ),
    through(
        "iam:PassRole + cloudformation:UpdateStackSet",
        "pass a role to a changed CloudFormation stack set",
        &["iam:PassRole", "cloudformation:UpdateStackSet"],
    ),
    through(
        "iam:PassRole + codebuild:CreateProject + codebuild:StartBuild",
        "pass a role to a CodeBuild project",
        &["iam:PassRole", "codebuild:CreateProject", "codebuild:StartBuild"],
    ),
    through(
        "iam:PassRole + codebuild:CreateProject + codebuild:StartBuildBatch",
        "pass a role to a CodeBuild project of batches",
        &["iam:PassRole", "codebuild:CreateProject", "codebuild:StartBuildBatch"],
    ),
    through(
        "iam:PassRole + codestar:CreateProject",
        "pass a role to a CodeStar project",
        &["iam:PassRole", "codestar:CreateProject"],
    ),
    through(
        "iam:PassRole + cognito-identity:SetIdentityPoolRoles",
        "give an identity pool a role",
        &["iam:PassRole", "cognito-identity:SetIdentityPoolRoles"],
    ),
    through(
        "iam:PassRole + datapipeline:CreatePipeline + datapipeline:PutPipelineDefinition + datapipeline:ActivatePipeline",
        "pass a role to a Data Pipeline",
        &[
            "iam:PassRole",
            "datapipeline:CreatePipeline",
            "datapipeline:PutPipelineDefinition",
            "datapipeline:ActivatePipeline",
        ],
    ),
    through(
        "iam:PassRole + ec2:AssociateIamInstanceProfile",
        "replace an instance's profile",
        &["iam:PassRole", "ec2:AssociateIamInstanceProfile"],
    ),
    through(
        "iam:PassRole + ec2:RequestSpotInstances",
        "pass a role to a spot instance",
        &["iam:PassRole", "ec2:RequestSpotInstances"],
    ),
    through(
        "iam:PassRole + ec2:RunInstances",
        "pass a role to an instance",
        &["iam:PassRole", "ec2:RunInstances"],
    ),
    through(
        "iam:PassRole + ecs:RegisterTaskDefinition + ecs:CreateService",
        "pass a role to an ECS service",
        &["iam:PassRole", "ecs:RegisterTaskDefinition", "ecs:CreateService"],
    ),
    through(
        "iam:PassRole + ecs:RegisterTaskDefinition + ecs:RunTask",
        "pass a role to an ECS task",
        &["iam:PassRole", "ecs:RegisterTaskDefinition", "ecs:RunTask"],
    ),
    through(
        "iam:PassRole + ecs:RunTask",
        "pass a role to a running ECS task definition",
        &["iam:PassRole", "ecs:RunTask"],
    ),
    through(
        "iam:PassRole + ecs:StartTask",
        "pass a role to an ECS task on an instance",
        &["iam:PassRole", "ecs:StartTask"],
    ),
    through(
        "iam:PassRole + elasticmapreduce:RunJobFlow",
        "pass a role to an EMR cluster",
        &["iam:PassRole", "elasticmapreduce:RunJobFlow"],
    ),
    through(
        "iam:PassRole + emr-serverless:StartJobRun",
        "pass a role to an EMR Serverless job",
        &["iam:PassRole", "emr-serverless:StartJobRun"],
    ),
    through(
        "iam:PassRole + gamelift:CreateFleet",
        "pass a role to a GameLift fleet",
        &["iam:PassRole", "gamelift:CreateFleet"],
    ),
    through(
        "iam:PassRole + glue:CreateDevEndpoint",
        "pass a role to a Glue endpoint",
        &["iam:PassRole", "glue:CreateDevEndpoint"],
    ),
    through(
        "iam:PassRole + glue:CreateJob + glue:CreateTrigger",
        "pass a role to a Glue job a trigger starts",
        &["iam:PassRole", "glue:CreateJob", "glue:CreateTrigger"],
    ),
    through(
        "iam:PassRole + glue:CreateJob + glue:StartJobRun",
        "pass a role to a Glue job",
        &["iam:PassRole", "glue:CreateJob", "glue:StartJobRun"],
    ),
    through(
        "iam:PassRole + glue:CreateSession + glue:RunStatement",
        "pass a role to a Glue session",
        &["iam:PassRole", "glue:CreateSession", "glue:RunStatement"],
    ),
    through(
        "iam:PassRole + glue:UpdateJob + glue:CreateTrigger",
        "pass a role to a changed Glue job a trigger starts",
        &["iam:PassRole", "glue:UpdateJob", "glue:CreateTrigger"],
    ),
    through(
        "iam:PassRole + glue:UpdateJob + glue:StartJobRun",
        "pass a role to a changed Glue job",
        &["iam:PassRole", "glue:UpdateJob", "glue:StartJobRun"],
    ),
    through(
        "iam:PassRole + imagebuilder:CreateComponent + imagebuilder:CreateImage + imagebuilder:CreateImageRecipe + imagebuilder:CreateInfrastructureConfiguration",
        "pass a role to an image pipeline",
        &[
            "iam:PassRole",
            "imagebuilder:CreateComponent",
            "imagebuilder:CreateImage",
            "imagebuilder:CreateImageRecipe",
            "imagebuilder:CreateInfrastructureConfiguration",
        ],
    ),
    through(
        "iam:PassRole + kinesisanalytics:CreateApplication + kinesisanalytics:StartApplication",
        "pass a role to a stream application",
        &["iam:PassRole", "kinesisanalytics:CreateApplication", "kinesisanalytics:StartApplication"],
    ),
    through(
        "iam:PassRole + lambda:CreateFunction + lambda:AddPermission",
        "pass a role to a Lambda function others may call",
        &["iam:PassRole", "lambda:CreateFunction", "lambda:AddPermission"],
    ),
    through(
        "iam:PassRole + lambda:CreateFunction + lambda:CreateEventSourceMapping",
        "pass a role to a Lambda function behind a queue or stream",
        &["iam:PassRole", "lambda:CreateFunction", "lambda:CreateEventSourceMapping"],
    ),
    through(
        "iam:PassRole + lambda:CreateFunction + lambda:InvokeFunction",
        "pass a role to a Lambda function and call it",
        &["iam:PassRole", "lambda:CreateFunction", "lambda:InvokeFunction"],
    ),
    through(
        "iam:PassRole + omics:CreateWorkflow + omics:StartRun",
        "pass a role to an Omics run",
        &["iam:PassRole", "omics:CreateWorkflow", "omics:StartRun"],
    ),
    through(
        "iam:PassRole + sagemaker:CreateNotebookInstance",
        "pass a role to a notebook",
        &["iam:PassRole", "sagemaker:CreateNotebookInstance"],
    ),
    through(
        "iam:PassRole + sagemaker:CreateNotebookInstance + sagemaker:CreatePresignedNotebookInstanceUrl",
        "pass a role to a SageMaker notebook",
        &["iam:PassRole", "sagemaker:CreateNotebookInstance", "sagemaker:CreatePresignedNotebookInstanceUrl"],
    ),
    through(
        "iam:PassRole + sagemaker:CreateProcessingJob",
        "pass a role to a SageMaker processing job",
        &["iam:PassRole", "sagemaker:CreateProcessingJob"],
    ),
    through(
        "iam:PassRole + sagemaker:CreateTrainingJob",
        "pass a role to a SageMaker training job",
        &["iam:PassRole", "sagemaker:CreateTrainingJob"],
    ),
    through(
        "iam:PassRole + scheduler:CreateSchedule",
        "pass a role to a schedule",
        &["iam:PassRole", "scheduler:CreateSchedule"],
    ),
    through(
        "iam:PassRole + ssm:CreateDocument + ssm:StartAutomationExecution",
        "pass a role to an automation",
        &["iam:PassRole", "ssm:CreateDocument", "ssm:StartAutomationExecution"],
    ),
    through(
        "iam:PassRole + states:CreateStateMachine + states:StartExecution",
        "pass a role to a state machine",
        &["iam:PassRole", "states:CreateStateMachine", "states:StartExecution"],
    ),
    direct("iam:PutGroupPolicy", "write an inline policy of a group", &["iam:PutGroupPolicy"]),
    direct(
        "iam:PutRolePermissionsBoundary",
        "replace a role's boundary",
        &["iam:PutRolePermissionsBoundary"],
    ),
    direct("iam:PutRolePolicy", "write an inline policy of a role", &["iam:PutRolePolicy"]),
    direct(
        "iam:PutUserPermissionsBoundary",
        "replace a user's boundary",
        &["iam:PutUserPermissionsBoundary"],
    ),
    direct("iam:PutUserPolicy", "write an inline policy of a user", &["iam:PutUserPolicy"]),
    direct("iam:SetDefaultPolicyVersion", "set the default policy version", &["iam:SetDefaultPolicyVersion"]),
    direct("iam:UpdateAssumeRolePolicy", "change a role's trust policy", &["iam:UpdateAssumeRolePolicy"]),
    through("iam:UpdateLoginProfile", "reset a user's password", &["iam:UpdateLoginProfile"]),
    through("lambda:UpdateFunctionCode", "change a Lambda function's code", &["lambda:UpdateFunctionCode"]),
    through(
        "lambda:UpdateFunctionConfiguration",
        "change a Lambda function's layers",
        &["lambda:UpdateFunctionConfiguration"],
    ),
    through(
        "sagemaker:CreateNotebookInstanceLifecycleConfig + sagemaker:UpdateNotebookInstance + sagemaker:StopNotebookInstance + sagemaker:StartNotebookInstance",
        "change what a notebook starts with",
        &[
            "sagemaker:CreateNotebookInstanceLifecycleConfig",
            "sagemaker:UpdateNotebookInstance",
            "sagemaker:StopNotebookInstance",
            "sagemaker:StartNotebookInstance",
        ],
    ),
    through(
        "sagemaker:CreatePresignedNotebookInstanceUrl",
        "open a notebook",
        &["sagemaker:CreatePresignedNotebookInstanceUrl"],
    ),
    through("ssm:SendCommand", "run commands on instances", &["ssm:SendCommand"]),
    through("ssm:StartSession", "open a shell on instances", &["ssm:StartSession"]),
    direct(
        "sso:AttachManagedPolicyToPermissionSet",
        "attach a policy to a permission set",
        &["sso:AttachManagedPolicyToPermissionSet"],
    ),
    direct("sso:CreateAccountAssignment", "assign a permission set", &["sso:CreateAccountAssignment"]),
    direct(
        "sso:PutInlinePolicyToPermissionSet",
        "write an inline policy of a permission set",
        &["sso:PutInlinePolicyToPermissionSet"],
    ),
    through(
        "states:UpdateStateMachine + states:StartExecution",
        "change a state machine and start it",
        &["states:UpdateStateMachine", "states:StartExecution"],
    ),
];

/// The path with this name.
pub fn escalation_path(name: &str) -> Option<&'static EscalationPath> {
    ESCALATION_PATHS.iter().find(|path| path.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn the_table_is_sorted_and_names_real_actions() {
        let names: Vec<_> = ESCALATION_PATHS.iter().map(|path| path.name).collect();
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(names, sorted);
        for path in ESCALATION_PATHS {
            assert_eq!(path.name, path.actions.join(" + "));
        }
        for action in ESCALATION_PATHS.iter().flat_map(|path| path.actions) {
            assert!(Catalog::embedded().find(action).is_some(), "{action}");
        }
    }
}
