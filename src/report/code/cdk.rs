//! A stack of the AWS CDK in TypeScript, of the constructs that take documents as they are.

use super::names::{Names, camel};
use super::plan::{Account, OF_CDK, comments};
use super::typescript::{string, value};

/// <https://docs.aws.amazon.com/cdk/api/v2/docs/aws-cdk-lib.aws_iam.CfnRolePolicy.html>
pub(super) fn write(account: &Account<'_>) -> String {
    let mut names = Names::default();
    let mut body = String::new();
    for change in account.of_stack(OF_CDK) {
        body.push('\n');
        let remarks = std::iter::once(format!("Role {}", change.role.arn)).chain(change.remarks());
        body.push_str(&comments("    //", remarks));
        for policy in &change.inline {
            let name = names.claim(camel(&[&change.role.name, &policy.name]), "");
            body.push_str(&format!(
                "    new iam.CfnRolePolicy(this, {}, {{\n      roleName: {},\n      policyName: {},\n      policyDocument: {},\n    }});\n",
                string(&name),
                string(&change.role.name),
                string(&policy.name),
                value(&policy.document, 6),
            ));
        }
        for policy in &change.managed {
            let name = names.claim(camel(&[&policy.name]), "");
            body.push_str(&format!(
                "    new iam.CfnManagedPolicy(this, {}, {{\n      managedPolicyName: {},\n      roles: [{}],\n      policyDocument: {},\n    }});\n",
                string(&name),
                string(&policy.name),
                string(&change.role.name),
                value(&policy.document, 6),
            ));
        }
    }
    let mut out = comments("//", account.head_of_stack(OF_CDK));
    out.push_str(
        "import * as cdk from \"aws-cdk-lib\";\nimport * as iam from \"aws-cdk-lib/aws-iam\";\nimport { Construct } from \"constructs\";\n\n",
    );
    let trusts: Vec<_> =
        account.of_stack(OF_CDK).filter_map(|change| Some((change.role, change.trust?))).collect();
    if !trusts.is_empty() {
        out.push_str("/** Narrower trust policies, by role: set each where the role is declared. */\n");
        out.push_str("export const trustPolicies = {\n");
        for (role, trust) in trusts {
            out.push_str(&format!("  {}: {},\n", string(&role.name), value(trust, 2)));
        }
        out.push_str("};\n\n");
    }
    out.push_str(&format!(
        "export class RightSized{} extends cdk.Stack {{\n  constructor(scope: Construct, id: string, props?: cdk.StackProps) {{\n    super(scope, id, props);\n{body}  }}\n}}\n",
        account.id.chars().filter(char::is_ascii_alphanumeric).collect::<String>(),
    ));
    out
}
