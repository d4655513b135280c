//! One mixed report through every writer, and the schema that describes it.

use leastwise::report::{self, Report};

/// Panics with every violation.
fn check_schema(report: &Report) {
    let validator = jsonschema::validator_for(&report::schema()).unwrap();
    let value = serde_json::to_value(report).unwrap();
    let wrong: Vec<String> =
        validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_empty_report_is_what_the_schema_says() {
    check_schema(&Report::default());
}

#[test]
fn the_schema_refuses_what_is_not_a_report() {
    let validator = jsonschema::validator_for(&report::schema()).unwrap();
    let mut value = serde_json::to_value(Report::default()).unwrap();
    value["coverage"]["objects"]["read"] = "many".into();
    assert!(!validator.is_valid(&value));
}
