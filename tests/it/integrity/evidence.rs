//! The audit behind a bundle is made again with CloudTrail's public keys, as it was made.

use super::end_to_end::{busy, ground, run, write};

#[test]
fn an_audit_with_public_keys_is_made_again_with_them() {
    let folder = ground();
    let at = |name: &str| folder.path().join(name).display().to_string();
    write(&busy(), &folder.path().join("logs"), true);
    write(&busy(), &folder.path().join("copy"), false);
    let (iam, keys, other_keys) = (at("iam.json"), at("keys.json"), at("other-keys.json"));
    let with_keys = ["--public-keys", keys.as_str()];
    let again = |bundle: &str, inputs: &[&str], more: &[&str]| {
        let verify = ["evidence", "verify", bundle, "--again", "--iam", &iam];
        let (exit, out, error) = run(&[&verify, inputs, more].concat());
        (exit, format!("{out}{error}"))
    };
    // An audit under this name, and its bundle.
    let bundle = |name: &str, audit: &[&str], inputs: &[&str]| {
        let (report, bundle) = (at(&format!("{name}-report")), at(&format!("{name}-bundle")));
        let (exit, out, error) = run(&[&["audit", "--iam", &iam, "--out", &report], audit].concat());
        assert_eq!(exit, 0, "{out}{error}");
        let make = ["evidence", &report, "--out", &bundle, "--iam", &iam];
        let (exit, out, error) = run(&[&make, inputs].concat());
        assert_eq!(exit, 0, "{out}{error}");
        bundle
    };
    let same = "the audit was made again and gives the same report";
    let missing = "the report was made with CloudTrail's public keys: give them with --public-keys";
    for name in ["logs", "copy"] {
        let logs = at(name);
        let inputs = ["--logs", logs.as_str()];
        let bundle = bundle(name, &[&[&logs, "--min-window", "0d"], &with_keys[..]].concat(), &inputs);

        let (exit, said) = again(&bundle, &inputs, &with_keys);
        assert!(exit == 0 && said.contains(same), "{said}");
        let (exit, said) = again(&bundle, &inputs, &[]);
        assert!(exit == 10 && said.contains(missing) && !said.contains(same), "{said}");
        let (exit, said) = again(&bundle, &inputs, &["--public-keys", &other_keys]);
        assert!(exit == 10 && said.contains("gives other") && said.contains("log file integrity"), "{said}");
        // Keys in a folder among others, as calls for several Regions leave them.
        let (exit, said) = again(&bundle, &inputs, &["--public-keys", &other_keys, "--public-keys", &keys]);
        assert!(exit == 0 && said.contains(same), "{said}");
    }

    // A ledger keeps the keys itself; naming them once more changes nothing.
    let (logs, store) = (at("logs"), at("store"));
    assert_eq!(run(&[&["ingest", &logs, "--store", &store], &with_keys[..]].concat()).0, 0);
    let inputs = ["--store", store.as_str()];
    let of_store = bundle("store", &[&inputs[..], &["--min-window", "0d"]].concat(), &inputs);
    for more in [&[][..], &with_keys[..]] {
        let (exit, said) = again(&of_store, &inputs, more);
        assert!(exit == 0 && said.contains(same), "{said}");
    }

    // A digest file that was changed since is no input that is hashed; the audit tells it all the same.
    let mut changed = busy();
    let key = changed.digests()[2].clone();
    changed.object(&key).text.push(b' ');
    write(&changed, &folder.path().join("logs"), true);
    let (exit, said) = again(&at("logs-bundle"), &["--logs", &logs], &with_keys);
    assert!(exit == 10 && said.contains("log file integrity"), "{said}");

    // Made without keys, and again with them.
    let copy = at("copy");
    let inputs = ["--logs", copy.as_str()];
    let bundle = bundle("bare", &[&copy], &inputs);
    let (exit, said) = again(&bundle, &inputs, &[]);
    assert!(exit == 0 && said.contains(same), "{said}");
    let (exit, said) = again(&bundle, &inputs, &with_keys);
    assert!(exit == 10 && said.contains("the report was made without CloudTrail's public keys"), "{said}");

    // Keys say nothing where nothing is made again.
    assert_eq!(run(&["evidence", "verify", &bundle, "--public-keys", &keys]).0, 2);
}
