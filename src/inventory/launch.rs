//! Launch templates, from what `aws ec2 describe-launch-template-versions` prints.
//!
//! See: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeLaunchTemplateVersions.html>

use serde::Deserialize;

/// A launch template, as far as the files tell.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct LaunchTemplate {
    /// `lt-…`.
    pub id: String,
    /// The name.
    pub name: String,
    /// By version number, the instance profile (ARN or name) of what it launches.
    pub profiles: Vec<(i64, Option<String>)>,
}

impl LaunchTemplate {
    /// The profile, when all versions known name the same one: an event does not tell which version was launched.
    pub fn profile(&self) -> Option<&str> {
        let (_, first) = self.profiles.first()?;
        self.profiles.iter().all(|(_, profile)| profile == first).then_some(first.as_deref()).flatten()
    }
}

/// `describe-launch-template-versions`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct LaunchTemplates {
    launch_template_versions: Vec<Version>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    launch_template_id: String,
    #[serde(default)]
    launch_template_name: String,
    #[serde(default)]
    version_number: i64,
    #[serde(default)]
    launch_template_data: Data,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    #[serde(default)]
    iam_instance_profile: Option<Profile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Profile {
    arn: Option<String>,
    name: Option<String>,
}

impl LaunchTemplates {
    /// Adds the versions to the templates known.
    pub(super) fn add_to(self, templates: &mut Vec<LaunchTemplate>) {
        for version in self.launch_template_versions {
            let profile = version.launch_template_data.iam_instance_profile;
            let profile = profile.and_then(|profile| profile.arn.or(profile.name));
            let known = templates.iter_mut().find(|known| known.id == version.launch_template_id);
            let entry = (version.version_number, profile);
            match known {
                Some(known) if known.profiles.contains(&entry) => {}
                Some(known) => known.profiles.push(entry),
                None => templates.push(LaunchTemplate {
                    id: version.launch_template_id,
                    name: version.launch_template_name,
                    profiles: vec![entry],
                }),
            }
        }
        templates.iter_mut().for_each(|template| template.profiles.sort());
        templates.sort();
    }
}
