//! The user's own Terraform files: where a role is declared, and the change there that a proposal asks for.
//!
//! [`edit`] is a function of texts: the files and a report in, places and a patch out. An edit is made only where the files tell
//! without doubt what is declared; everything else is named with the reason. Only the replaced expressions and `statement` blocks
//! change: every other byte of a file, comments too, stays.

mod declared;
mod diff;
mod replace;

use std::collections::BTreeMap;

use declared::{Parsed, Role};
use diff::Edit;
use replace::FileEdit;

use crate::ident::Arn;
use crate::report::{self, Attach, Location, NoNewAccess, ProposalVerdict, Report, printable};

/// A Terraform file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct File {
    /// Path below the folder, with `/` between names.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// What the files say about a report's roles.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edits {
    /// Where roles are declared, by ARN; files as in [`File::name`].
    pub places: BTreeMap<String, Location>,
    /// ARNs of the roles whose policies the diff changes, sorted.
    pub edited: Vec<String>,
    /// How many roles have a proposal that the diff does not make.
    pub n_refused: usize,
    /// Roles and declarations the diff leaves alone, with the reason; each a sentence.
    pub left: Vec<String>,
    /// What an edit leaves to do by hand; each a sentence.
    pub remarks: Vec<String>,
    /// Files that could not be used, each a sentence.
    pub problems: Vec<String>,
    /// The unified diff from the folder; empty when no file changes.
    pub diff: String,
}

impl Edits {
    /// Points the findings about a role to its declaration. `dir` is the folder as seen from the working directory; may be empty.
    pub fn locate(&self, dir: &str, report: &mut Report) {
        for finding in &mut report.findings {
            let Some(place) = self.places.get(&finding.subject) else { continue };
            let file = match dir {
                "" => place.file.clone(),
                dir => format!("{}/{}", dir.trim_end_matches('/'), place.file),
            };
            finding.location = Some(Location { file, line: place.line });
        }
    }

    /// The patch with a comment at its head; `problems` are those met before, each a sentence.
    pub fn patch(&self, problems: &[String]) -> String {
        let mut lines = vec![
            "Right-sized inline policies, proposed by leastwise. Apply in the Terraform folder: git apply, or patch -p1.".to_owned(),
            "References inside replaced expressions become the ARNs they stood for.".to_owned(),
        ];
        if self.diff.is_empty() {
            lines.push("No file changes.".to_owned());
        }
        lines.extend(self.edited.iter().map(|arn| format!("Edited: {arn}.")));
        lines.extend(self.remarks.iter().map(|text| format!("To do by hand: {text}")));
        lines.extend(problems.iter().chain(&self.problems).map(|text| format!("Problem: {text}")));
        lines.extend(self.left.iter().map(|text| format!("No edit: {text}")));
        let mut out: String = lines.iter().map(|line| format!("# {}\n", printable(line))).collect();
        out.push_str(&self.diff);
        out
    }
}

/// Finds the report's roles in the files and works out the changes. The order of the files does not matter.
pub fn edit(files: &[File], report: &Report) -> Edits {
    let mut edits = Edits::default();
    let mut sorted: Vec<&File> = files.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let parsed = parse(&sorted, &mut edits.problems);
    let roles = declared::roles(&parsed);
    let mut changes: BTreeMap<&str, Vec<Edit>> = BTreeMap::new();
    for role in &report.roles {
        let found = find(role, &roles, report);
        if let Ok(Some(found)) = found {
            let place = Location { file: found.parsed.file.name.clone(), line: found.line };
            edits.places.insert(role.arn.clone(), place);
        }
        let outcome = match found {
            Ok(Some(found)) => change(role, found, &parsed, &mut edits.remarks),
            Ok(None) => {
                refusal(role).and(Err("it is not declared in the files under a literal name".to_owned()))
            }
            Err(why) => refusal(role).and(Err(why)),
        };
        match outcome {
            Ok(made) if is_made(&made, &sorted) => {
                edits.left.push(format!("{}: the files say already what is proposed.", role.arn));
            }
            Ok(made) => {
                edits.edited.push(role.arn.clone());
                for (file, edit) in made {
                    changes.entry(file).or_default().push(edit);
                }
            }
            Err(why) => {
                edits.n_refused += usize::from(role.proposal.verdict == ProposalVerdict::Replace);
                edits.left.push(format!("{}: {why}.", role.arn));
            }
        }
    }
    edits.edited.sort();
    for role in &roles {
        if let Err(why) = role.name {
            edits.left.push(format!("{} ({}:{}): {why}.", role.address, role.parsed.file.name, role.line));
        }
    }
    let mut broken = Vec::new();
    for (name, made) in changes {
        let Some(old) = sorted.iter().find(|file| file.name == name).map(|file| file.text.as_str()) else {
            continue;
        };
        match diff::apply(old, &made).filter(|new| hcl_edit::parser::parse_body(new).is_ok()) {
            Some(new) => edits.diff.push_str(&diff::unified(name, old, &new, &made)),
            None => broken.push(name),
        }
    }
    if !broken.is_empty() {
        // A role's policies go together: a part of them is no proposal.
        edits.diff.clear();
        edits.n_refused += std::mem::take(&mut edits.edited).len();
        edits.problems.push(format!(
            "Terraform file `{}` would not parse after its edits: no file is changed",
            broken.join("`, `")
        ));
    }
    edits
}

/// Whether edits change nothing.
fn is_made(made: &[FileEdit<'_>], files: &[&File]) -> bool {
    files.iter().all(|file| {
        let own = made.iter().filter(|(name, _)| *name == file.name).map(|(_, edit)| edit.clone());
        let own: Vec<Edit> = own.collect();
        own.is_empty() || diff::apply(&file.text, &own).as_deref() == Some(file.text.as_str())
    })
}

fn parse<'f>(files: &[&'f File], problems: &mut Vec<String>) -> Vec<Parsed<'f>> {
    let mut parsed = Vec::new();
    for file in files {
        let name = &file.name;
        if name.contains(|c: char| c.is_control() || c == '"' || c == '\\') {
            problems.push(format!("Terraform file `{name}` has a name that no patch can carry: not used"));
            continue;
        }
        match hcl_edit::parser::parse_body(&file.text) {
            Ok(body) => parsed.push(Parsed { file, body }),
            Err(error) => problems.push(format!(
                "Terraform file `{name}` could not be parsed at line {}: {}",
                error.location().line(),
                error.message()
            )),
        }
    }
    parsed
}

/// The one declaration of a role; none when there is none, and a reason when it is not clear which.
fn find<'r, 'p>(
    role: &report::Role,
    roles: &'r [Role<'p>],
    report: &Report,
) -> Result<Option<&'r Role<'p>>, String> {
    let path = path_of(role);
    let is_it = |found: &&Role<'_>| {
        found.name == Ok(role.name.as_str()) && found.path.is_none_or(|other| other == path)
    };
    let mut found = roles.iter().filter(is_it);
    let Some(first) = found.next() else { return Ok(None) };
    if let Some(second) = found.next() {
        return Err(format!(
            "it is ambiguous: {} ({}:{}) and {} ({}:{}) declare a role of this name",
            first.address,
            first.parsed.file.name,
            first.line,
            second.address,
            second.parsed.file.name,
            second.line
        ));
    }
    let is_twin = |other: &&report::Role| {
        other.arn != role.arn
            && other.name == role.name
            && first.path.is_none_or(|path| path == path_of(other))
    };
    match report.roles.iter().find(is_twin) {
        Some(twin) => Err(format!(
            "it is ambiguous: {} ({}:{}) may be this role or {}",
            first.address, first.parsed.file.name, first.line, twin.arn
        )),
        None => Ok(Some(first)),
    }
}

/// `/` or `/…/`, as the role's ARN tells.
fn path_of(role: &report::Role) -> &str {
    let resource = Arn::parse(&role.arn).map_or("", |arn| arn.resource);
    let path = resource.strip_prefix("role").and_then(|rest| rest.strip_suffix(role.name.as_str()));
    path.filter(|path| !path.is_empty()).unwrap_or("/")
}

/// Why the proposal alone asks for no edit.
fn refusal(role: &report::Role) -> Result<(), String> {
    let proposal = &role.proposal;
    let why = match proposal.verdict {
        ProposalVerdict::Keep => "it stays as it is",
        ProposalVerdict::CannotTell => "what is known does not suffice for a proposal",
        ProposalVerdict::DeleteRole => "it was not used and can be deleted, which is left to you",
        ProposalVerdict::Replace if proposal.proof.no_new_access != NoNewAccess::Proven => {
            "it is not proven that the proposal allows nothing new"
        }
        ProposalVerdict::Replace if !proposal.replay.lost.is_empty() => {
            "the proposal would refuse requests that were seen"
        }
        ProposalVerdict::Replace if proposal.policies.is_empty() => {
            "it shall have no policy: nothing it was granted was used"
        }
        ProposalVerdict::Replace
            if proposal.policies.iter().any(|policy| policy.attach == Attach::Managed) =>
        {
            "the proposal has managed policies, which are new resources (--format terraform writes them)"
        }
        ProposalVerdict::Replace => return Ok(()),
    };
    Err(why.to_owned())
}

/// The edits of one role; either all of its proposed policies have one, or none.
fn change<'p>(
    role: &report::Role,
    found: &Role<'p>,
    files: &'p [Parsed<'p>],
    remarks: &mut Vec<String>,
) -> Result<Vec<FileEdit<'p>>, String> {
    let at = format!("declared at {}:{}", found.parsed.file.name, found.line);
    refusal(role).map_err(|why| format!("{why} ({at})"))?;
    let mut edits = Vec::new();
    for new in &role.proposal.policies {
        let mut named = found.policies.iter().filter(|policy| policy.name == Ok(new.name.as_str()));
        let policy = named.next().ok_or_else(|| {
            let unnamed = found.policies.iter().find_map(|policy| policy.name.err().map(|why| (policy, why)));
            match unnamed {
                Some((policy, why)) => format!(
                    "no inline policy `{}` is declared for it, and of {} ({}:{}) {why} ({at})",
                    new.name, policy.address, policy.parsed.file.name, policy.line
                ),
                None => format!("no inline policy `{}` is declared for it ({at})", new.name),
            }
        })?;
        let place = format!("{} at {}:{}", policy.address, policy.parsed.file.name, policy.line);
        if named.next().is_some() {
            return Err(format!(
                "it is ambiguous: the inline policy `{}` is declared twice, once as {place}",
                new.name
            ));
        }
        let made = replace::replace(policy, &new.document, files);
        edits.extend(made.map_err(|why| format!("the inline policy `{}` ({place}): {why}", new.name))?);
    }
    let stays = |name: &str| role.proposal.policies.iter().any(|new| new.name == name);
    for old in role.proposal.current.iter().filter(|old| old.attach == Attach::Managed || !stays(&old.name)) {
        let (what, name) = match (&old.arn, old.attach) {
            (Some(arn), _) => ("detach", arn),
            (None, Attach::Managed) => ("detach the managed policy", &old.name),
            (None, Attach::Inline) => ("delete the inline policy", &old.name),
        };
        remarks.push(format!("{what} {name} of {} once the new policies are in place.", role.arn));
    }
    if role.proposal.trust.is_some() {
        remarks.push(format!("the narrower trust policy of {} is in trust/ ({at}).", role.arn));
    }
    Ok(edits)
}
