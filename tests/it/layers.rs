//! The direction of dependencies: a module uses only modules in a lower layer, plus the few arrows named here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::root;

/// Layers from the bottom; the command line sits on top of all and is checked apart.
const LAYERS: &[&[&str]] = &[
    &["ident"],
    &["integrity"],
    &["record", "policy", "catalog", "inventory", "finding"],
    &["usage", "attribution", "eval", "proof", "carrier"],
    &["rightsize", "checks", "explain"],
    &["report", "ingest", "aws", "cluster"],
    &["store", "terraform"],
    &["analyze", "drift", "evidence"],
];

/// Arrows inside a layer.
const SAME_LAYER: &[(&str, &str)] = &[
    ("catalog", "record"),
    ("inventory", "policy"),
    ("attribution", "usage"),
    ("attribution", "eval"),
    ("proof", "eval"),
    ("carrier", "proof"),
    ("checks", "rightsize"),
    ("checks", "explain"),
    ("aws", "ingest"),
];

#[test]
fn modules_depend_downward_only() {
    let layer_of: BTreeMap<&str, usize> = LAYERS
        .iter()
        .enumerate()
        .flat_map(|(layer, names)| names.iter().map(move |name| (*name, layer)))
        .collect();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for file in rust_files(&root().join("src")) {
        let relative = file.strip_prefix(root().join("src")).unwrap();
        let module = relative.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
        if ["lib", "main", "cli", "bin"].contains(&module.as_str()) {
            continue;
        }
        let own = *layer_of.get(module.as_str()).unwrap_or_else(|| panic!("`{module}` is in no layer"));
        let text = fs::read_to_string(&file).unwrap();
        for (used, line) in crate_paths(&text) {
            let Some(theirs) = layer_of.get(used.as_str()) else {
                wrong.push(format!("{}:{line}: `crate::{used}` is in no layer", relative.display()));
                continue;
            };
            seen += 1;
            let allowed =
                used == module || *theirs < own || SAME_LAYER.contains(&(module.as_str(), used.as_str()));
            if !allowed {
                wrong.push(format!("{}:{line}: `{module}` must not use `{used}`", relative.display()));
            }
        }
    }
    assert!(seen > 10, "the test reads the sources: {seen} uses found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_command_line_is_an_outside_user_of_the_library() {
    for file in rust_files(&root().join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        let relative = file.strip_prefix(root().join("src")).unwrap();
        let is_command_line =
            relative.starts_with("cli") || ["cli.rs", "main.rs"].iter().any(|n| relative == Path::new(n));
        assert!(is_command_line || !text.contains("clap::"), "{} must not know clap", relative.display());
    }
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// First path segments after `crate::`, with line numbers, comments and test modules left out.
fn crate_paths(text: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            break;
        }
        let code = line.split("//").next().unwrap_or_default();
        for part in code.split("crate::").skip(1) {
            let inner = part.strip_prefix('{').unwrap_or(part);
            let names = if part.starts_with('{') { inner.split(',').collect() } else { vec![inner] };
            for name in names {
                let name: String =
                    name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if !name.is_empty() {
                    found.push((name, number + 1));
                }
            }
        }
    }
    found
}
