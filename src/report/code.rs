//! Proposed policies as the code of the tool that owns the role.
//!
//! One model ([`plan::Account`]) is written in every form, so that all forms say the same: the policies a role shall have, the
//! trust policy where a narrower one is proposed, and, as comments, what rests on what and what has to go. The old policies that
//! are not replaced under their own name are never taken away silently: every form lists them, and the script detaches them.
//!
//! A file is about one account, because a stack, a state or a session belongs to one.

mod ack;
mod cdk;
mod cloudformation;
mod crossplane;
mod hcl;
mod names;
mod plan;
mod pulumi;
mod script;
mod staged;
mod terraform;
mod typescript;
mod yaml;

use std::io::{self, Write};
use std::path::PathBuf;

use super::Report;
use plan::Account;

/// A language policies are written in.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Language {
    /// Terraform, with `aws_iam_policy_document` data sources.
    Terraform,
    /// Terraform, with documents as `jsonencode` expressions.
    TerraformInline,
    /// CloudFormation as YAML.
    CloudFormation,
    /// CloudFormation as JSON.
    CloudFormationJson,
    /// A stack of the AWS CDK in TypeScript.
    Cdk,
    /// A Pulumi program in TypeScript.
    Pulumi,
    /// A Pulumi program in YAML.
    PulumiYaml,
    /// Managed resources of Crossplane's AWS IAM provider.
    Crossplane,
    /// Resources of the AWS Controllers for Kubernetes.
    Ack,
    /// A shell script of AWS CLI calls, with the way back.
    AwsCli,
}

impl Language {
    /// All, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::Terraform,
        Self::TerraformInline,
        Self::CloudFormation,
        Self::CloudFormationJson,
        Self::Cdk,
        Self::Pulumi,
        Self::PulumiYaml,
        Self::Crossplane,
        Self::Ack,
        Self::AwsCli,
    ];

    /// The word on the command line, and the folder in a report folder's `code/`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Terraform => "terraform",
            Self::TerraformInline => "terraform-inline",
            Self::CloudFormation => "cloudformation",
            Self::CloudFormationJson => "cloudformation-json",
            Self::Cdk => "cdk",
            Self::Pulumi => "pulumi",
            Self::PulumiYaml => "pulumi-yaml",
            Self::Crossplane => "crossplane",
            Self::Ack => "ack",
            Self::AwsCli => "aws-cli",
        }
    }

    pub(super) const fn extension(self) -> &'static str {
        match self {
            Self::Terraform | Self::TerraformInline => "tf",
            Self::CloudFormation | Self::PulumiYaml | Self::Crossplane | Self::Ack => "yaml",
            Self::CloudFormationJson => "json",
            Self::Cdk | Self::Pulumi => "ts",
            Self::AwsCli => "sh",
        }
    }

    fn text(self, account: &Account<'_>) -> String {
        match self {
            Self::Terraform => terraform::documents(account),
            Self::TerraformInline => terraform::inline(account),
            Self::CloudFormation => cloudformation::yaml(account),
            Self::CloudFormationJson => cloudformation::json(account),
            Self::Cdk => cdk::write(account),
            Self::Pulumi => pulumi::typescript(account),
            Self::PulumiYaml => pulumi::yaml(account),
            Self::Crossplane => crossplane::write(account),
            Self::Ack => ack::write(account),
            Self::AwsCli => script::write(account),
        }
    }
}

/// One word of a shell, whatever is in it.
pub(super) fn quoted(text: &str) -> String {
    script::quoted(text)
}

/// Whether removals in stages are written in a language.
const fn is_staged(language: Language) -> bool {
    matches!(language, Language::AwsCli | Language::Terraform | Language::TerraformInline)
}

impl Language {
    /// The languages that removals in stages are written in.
    pub fn staged() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|language| is_staged(*language))
    }
}

/// Removal in stages for the roles of a report: a script of AWS CLI calls that begins a trial, takes it back, finishes and restores; or
/// the trial's policies as Terraform. For another language than those of [`Language::staged`] a script.
pub fn write_staged(language: Language, report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for (at, (account, roles)) in staged::accounts(report).iter().enumerate() {
        if at > 0 {
            out.write_all(b"\n")?;
        }
        out.write_all(staged_text(language, account, roles).as_bytes())?;
    }
    Ok(())
}

fn staged_text(language: Language, account: &Account<'_>, roles: &[&super::Role]) -> String {
    match language {
        Language::Terraform | Language::TerraformInline => staged::terraform(account, roles),
        _ => staged::script(account, roles),
    }
}

/// One file of a removal in stages: its path below the folder, and its text.
pub(super) fn staged_files(language: Language, report: &Report) -> Vec<(PathBuf, String)> {
    let file = |(account, roles): &(Account<'_>, Vec<&super::Role>)| {
        let name = format!("{}.{}", super::folder::file_name(account.id), language.extension());
        (PathBuf::from("staged").join(name), staged_text(language, account, roles))
    };
    staged::accounts(report).iter().map(file).collect()
}

/// A JSON value as an expression of Terraform's language, for a line that is indented by so many spaces.
pub(super) fn terraform_expression(value: &serde_json::Value, indent: usize) -> String {
    hcl::value(value, indent)
}

/// The `statement` blocks of a policy document in an `aws_iam_policy_document` data source.
pub(super) fn terraform_statements(document: &serde_json::Value) -> String {
    terraform::statements(document)
}

/// One file: its path below the report folder, and its text.
pub(super) fn files(language: Language, report: &Report) -> Vec<(PathBuf, String)> {
    let file = |account: &Account<'_>| {
        let name = format!("{}.{}", super::folder::file_name(account.id), language.extension());
        let path = PathBuf::from("code").join(language.as_str()).join(name);
        (path, language.text(account))
    };
    plan::accounts(report).iter().map(file).collect()
}

/// All accounts of the report in one stream; for people and pipes.
///
/// Forms that have no way of holding several accounts in one text (JSON) become an object by account when there are several.
pub(super) fn write(language: Language, report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let accounts = plan::accounts(report);
    match (language, accounts.as_slice()) {
        (_, []) => writeln!(out, "{}", language.nothing()),
        (Language::CloudFormationJson, [_, _, ..]) => cloudformation::json_by_account(&accounts, out),
        _ => {
            for (at, account) in accounts.iter().enumerate() {
                if at > 0 {
                    out.write_all(b"\n")?;
                }
                out.write_all(language.text(account).as_bytes())?;
            }
            Ok(())
        }
    }
}

impl Language {
    /// What a report without a proposal is in this language.
    const fn nothing(self) -> &'static str {
        match self {
            Self::CloudFormationJson => "{}",
            Self::Cdk | Self::Pulumi => "// No role has a proposal.",
            _ => "# No role has a proposal.",
        }
    }
}
