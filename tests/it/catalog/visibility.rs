//! Where the use of an action would show.

use leastwise::catalog::{Catalog, Visibility};

#[test]
fn where_an_action_would_show() {
    let catalog = Catalog::embedded();
    let visibility = |text: &str| catalog.visibility(catalog.find(text).unwrap());
    assert_eq!(visibility("ec2:RunInstances"), Visibility::Management);
    assert_eq!(visibility("s3:GetObject"), Visibility::Data { types: vec!["AWS::S3::Object"] });
    assert!(matches!(visibility("iam:PassRole"), Visibility::NeverLogged { .. }));
    assert_eq!(visibility("s3:ReplicateObject"), Visibility::NoPublicOperation);
    for action in [
        "bedrock:InvokeModel",
        "bedrock:InvokeModelWithResponseStream",
        "ecs:RunTask",
        "glue:GetTable",
        "iam:CreateRole",
        "kms:Decrypt",
        "lambda:PublishVersion",
        "lambda:UpdateFunctionCode",
        "rds-data:ExecuteSql",
        "s3:GetBucketPolicy",
        "secretsmanager:GetSecretValue",
        "sqs:PurgeQueue",
        "ssm:GetParameter",
        "ssm:SendCommand",
        "states:StartExecution",
        "sts:AssumeRole",
    ] {
        assert_eq!(visibility(action), Visibility::Management, "{action}");
    }
    for (action, types) in [
        ("bedrock:InvokeAgent", &["AWS::Bedrock::AgentAlias"][..]),
        ("cloudwatch:PutMetricData", &["AWS::CloudWatch::Metric"]),
        ("dynamodb:PutItem", &["AWS::DynamoDB::Table"]),
        ("ebs:GetSnapshotBlock", &["AWS::EC2::Snapshot"]),
        ("kinesis:PutRecord", &["AWS::Kinesis::Stream"]),
        ("lambda:InvokeFunction", &["AWS::Lambda::Function"]),
        ("rds-data:ExecuteStatement", &["AWS::RDS::DBCluster"]),
        ("redshift-data:GetStatementResult", &["AWS::Redshift::Cluster"]),
        ("s3vectors:QueryVectors", &["AWS::S3Vectors::Index"]),
        ("sns:Publish", &["AWS::SNS::PlatformEndpoint", "AWS::SNS::Topic"]),
        ("sqs:SendMessage", &["AWS::SQS::Queue"]),
        ("states:SendTaskSuccess", &["AWS::StepFunctions::Activity", "AWS::StepFunctions::StateMachine"]),
    ] {
        assert_eq!(visibility(action), Visibility::Data { types: types.to_vec() }, "{action}");
    }
}

#[test]
fn kinds_of_data_events_without_named_actions_take_the_data_plane_and_leave_management() {
    let catalog = Catalog::embedded();
    let visibility = |text: &str| catalog.visibility(catalog.find(text).unwrap());
    for (action, types) in [
        // Works on the resource type the kind is named for.
        ("iotsitewise:CancelPipelineExecution", &["AWS::IoTSiteWise::Pipeline"][..]),
        ("sagemaker:StopJob", &["AWS::SageMaker::Job"]),
        // A call of the data plane by its name.
        ("sagemaker:QueryLineage", &["AWS::SageMaker::Job"]),
    ] {
        assert_eq!(visibility(action), Visibility::Data { types: types.to_vec() }, "{action}");
    }
    for action in [
        "iotsitewise:CreatePipeline",
        "iotsitewise:DescribePipeline",
        "iotsitewise:PutStorageConfiguration",
        "quicksight:UpdateFlowPermissions",
        "sagemaker:CreateJob",
        "sagemaker:ListJobs",
        "sagemaker:StopTrainingJob",
        "sagemaker:PutModelPackageGroupPolicy",
    ] {
        assert_eq!(visibility(action), Visibility::Management, "{action}");
    }
}
