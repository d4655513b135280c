//! The bundle for auditors: checked with their own tools, and every change found.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use sha2::{Digest as _, Sha256};

use crate::support::root;

fn leastwise(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_leastwise")).args(arguments).current_dir(dir).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn runs(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

/// A folder with a signing key, the sample's report, and one account's grants and a few of its logs.
fn bench() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    runs(
        Command::new("minisign").args(["-G", "-W", "-p", "key.pub", "-s", "key.sec"]).current_dir(dir.path()),
    );
    std::os::unix::fs::symlink(root().join("sample-logs"), dir.path().join("sample-logs")).unwrap();
    std::os::unix::fs::symlink(root().join("reports"), dir.path().join("reports")).unwrap();
    dir
}

/// What the sample's report was made from, as options.
const INPUTS: [&str; 8] = [
    "--logs",
    "sample-logs",
    "--iam",
    "sample-logs/iam",
    "--kubernetes",
    "sample-logs/kubernetes",
    "--airflow-dags",
    "sample-logs/airflow-dags.json",
];

/// Makes a bundle of the sample; the sample is not complete, which shows in the status.
fn make(dir: &Path, name: &str, more: &[&str]) -> PathBuf {
    let mut arguments = vec!["evidence", "reports", "--out", name];
    arguments.extend(INPUTS);
    arguments.extend(more);
    let output = leastwise(dir, &arguments);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    dir.join(name)
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { waiting.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

#[test]
fn auditors_check_a_bundle_with_their_own_tools_and_every_change_is_found() {
    let dir = bench();
    let bundle = make(dir.path(), "bundle", &["--key", "key.sec"]);
    let sums = || {
        Command::new("sha256sum").args(["--quiet", "-c", "SHA256SUMS"]).current_dir(&bundle).output().unwrap()
    };
    let minisign = || {
        Command::new("minisign")
            .args(["-V", "-p", "../key.pub", "-m", "SHA256SUMS"])
            .current_dir(&bundle)
            .output()
            .unwrap()
    };
    let verify_with = |more: &[&str]| {
        let arguments = [&["evidence", "verify", "bundle", "--public-key", "key.pub"], more].concat();
        leastwise(dir.path(), &arguments)
    };
    let verify = || verify_with(&[]);
    assert!(sums().status.success());
    assert!(minisign().status.success());
    let good = verify_with(&INPUTS);
    let said = text(&good.stdout);
    assert_eq!(good.status.code(), Some(0), "{said}{}", text(&good.stderr));
    assert!(said.contains("the signature is good"), "{said}");
    let n_files = files(&bundle).len();
    assert!(said.contains(&format!("{} files have the hash", n_files - 2)), "{n_files}: {said}");

    // One byte anywhere.
    for path in files(&bundle) {
        let kept = fs::read(&path).unwrap();
        let mut changed = kept.clone();
        // The second line of a signature file is the signature; its first is a comment nobody signs (see below).
        let is_signature = path.ends_with("SHA256SUMS.minisig");
        let at = if is_signature {
            kept.iter().position(|byte| *byte == b'\n').unwrap() + 40
        } else {
            kept.len() / 2
        };
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        fs::write(&path, &changed).unwrap();
        let found = verify();
        assert_eq!(found.status.code(), Some(10), "{}: {}", path.display(), text(&found.stdout));
        let is_listed = !path.file_name().unwrap().to_string_lossy().starts_with("SHA256SUMS");
        assert!(!sums().status.success() || !minisign().status.success(), "{}", path.display());
        assert_eq!(sums().status.success(), !is_listed && is_signature, "{}", path.display());
        fs::write(&path, kept).unwrap();
    }
    // The signature file's first line is a comment that minisign passes over.
    let signature = bundle.join("SHA256SUMS.minisig");
    let kept = fs::read_to_string(&signature).unwrap();
    for other in [
        kept.replacen("leastwise", "leastwisE", 1),
        kept.replacen("untrusted", "Untrusted", 1),
        kept.trim_end().to_owned() + "\u{b}",
    ] {
        fs::write(&signature, other).unwrap();
        assert_eq!(verify().status.code(), Some(10), "{}", text(&verify().stdout));
    }
    fs::write(&signature, kept).unwrap();
    // A list that says the same in another way is not the one that was signed; without a key that is found, too.
    let list = fs::read_to_string(bundle.join("SHA256SUMS")).unwrap();
    let (first, rest) = list.split_once('\n').unwrap();
    for other in [
        list.trim_end().to_owned(),
        format!("{rest}{first}\n"),
        format!("{list}{first}\n"),
        list.to_uppercase(),
    ] {
        fs::write(bundle.join("SHA256SUMS"), &other).unwrap();
        let unsigned = leastwise(dir.path(), &["evidence", "verify", "bundle"]);
        assert_eq!(unsigned.status.code(), Some(10), "{other}");
    }
    fs::write(bundle.join("SHA256SUMS"), list).unwrap();
    fs::write(bundle.join("population/more.csv"), "x\r\n").unwrap();
    assert!(text(&verify().stdout).contains("population/more.csv: it is not listed"));
    fs::remove_file(bundle.join("population/more.csv")).unwrap();
    fs::remove_file(bundle.join("controls.csv")).unwrap();
    assert!(text(&verify().stdout).contains("controls.csv: it is listed and missing"));
}

#[test]
fn a_bundle_signed_by_its_owner_s_own_minisign_verifies_whatever_its_comments_say() {
    let dir = bench();
    let bundle = make(dir.path(), "bundle", &[]);
    let other = ["-G", "-W", "-p", "other.pub", "-s", "other.sec"];
    runs(Command::new("minisign").args(other).current_dir(dir.path()));
    let sign = |more: &[&str]| {
        let sign = [&["-S", "-s", "../key.sec", "-m", "SHA256SUMS"], more].concat();
        runs(Command::new("minisign").args(sign).current_dir(&bundle));
    };
    let minisign_takes = |key: &str| {
        let verify = ["-V", "-p", key, "-m", "SHA256SUMS"];
        Command::new("minisign").args(verify).current_dir(&bundle).output().unwrap().status.success()
    };
    let verify = |key: &str| {
        let output = leastwise(dir.path(), &["evidence", "verify", "bundle", "--public-key", key]);
        (output.status.code(), text(&output.stdout))
    };
    let hostile = "Jos\u{e9}\u{1b}[2J\u{202e} spring review, ticket 12";
    let long = "x".repeat(900);
    for (more, told) in [
        (&[][..], "a comment that is signed: timestamp:"),
        (&["-l"][..], "a comment that is signed: timestamp:"),
        (&["-t", "signed by the owner"][..], "a comment that is signed: signed by the owner\n"),
        (&["-c", "the owner's"][..], "a comment that is not signed: the owner's\n"),
        (&["-c", hostile, "-t", hostile][..], "Jos\u{e9}\\u{1b}[2J\\u{202e} spring review, ticket 12\n"),
        (&["-c", "<b>", "-t", &long][..], "a comment that is not signed: <b>\n"),
    ] {
        sign(more);
        assert!(minisign_takes("../key.pub"), "{more:?}");
        let (status, said) = verify("key.pub");
        assert_eq!(status, Some(0), "{more:?}: {said}");
        assert!(said.contains("the signature is good\n") && said.contains(told), "{more:?}: {said}");
        assert!(!said.contains(['\u{1b}', '\u{202e}']) && !said.contains(&long), "{more:?}: {said:?}");
        // Somebody else's key.
        assert!(!minisign_takes("../other.pub"));
        let (status, said) = verify("other.pub");
        assert!(status == Some(10) && said.contains("the signature is bad"), "{said}");
        assert!(!said.contains("a comment that is"), "{said}");
        if !(more.is_empty() || more.contains(&hostile)) {
            continue;
        }
        // One byte of what is signed, of the signatures, or of the comment that is signed; one byte more around them.
        let signature = bundle.join("SHA256SUMS.minisig");
        let kept = fs::read_to_string(&signature).unwrap();
        let lines: Vec<&str> = kept.lines().collect();
        for n in 1..4 {
            let mut changed: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            let at = if n == 2 { "trusted comment: ".len() } else { 40 };
            let new = if lines[n][at..].starts_with('A') { "B" } else { "A" };
            let one = lines[n][at..].chars().next().unwrap().len_utf8();
            changed[n].replace_range(at..at + one, new);
            fs::write(&signature, changed.join("\n") + "\n").unwrap();
            assert!(!minisign_takes("../key.pub"), "line {n}: {changed:?}");
            assert_eq!(verify("key.pub").0, Some(10), "line {n}: {changed:?}");
            changed[n] = format!("{} ", lines[n]);
            fs::write(&signature, changed.join("\n") + "\n").unwrap();
            assert_eq!(verify("key.pub").0, Some(10), "line {n}: {changed:?}");
        }
        fs::write(&signature, kept).unwrap();
        let roles = bundle.join("population/roles.csv");
        let kept = fs::read(&roles).unwrap();
        fs::write(&roles, [&kept[..], b" "].concat()).unwrap();
        assert_eq!(verify("key.pub").0, Some(10));
        fs::write(&roles, kept).unwrap();
    }
}

#[test]
fn what_was_changed_and_signed_anew_does_not_follow_from_the_report() {
    let dir = bench();
    let bundle = make(dir.path(), "bundle", &[]);
    let path = bundle.join("population/roles.csv");
    let changed = fs::read_to_string(&path).unwrap().replacen("northwind-", "southwind-", 1);
    fs::write(&path, changed).unwrap();
    let listed = runs(
        Command::new("sh")
            .args(["-c", "sed 's/^[0-9a-f]*  //' SHA256SUMS | xargs -d '\\n' sha256sum"])
            .current_dir(&bundle),
    );
    fs::write(bundle.join("SHA256SUMS"), listed).unwrap();
    let output = leastwise(dir.path(), &["evidence", "verify", "bundle"]);
    assert_eq!(output.status.code(), Some(10));
    let said = text(&output.stdout);
    assert!(said.contains("population/roles.csv: it does not follow from the report"), "{said}");
    assert!(said.contains("there is no signature"), "{said}");
}

#[test]
fn the_same_report_gives_the_same_bundle_and_the_audit_can_be_made_again() {
    let dir = bench();
    let one = make(dir.path(), "one", &["--key", "key.sec"]);
    let two = make(dir.path(), "two", &["--key", "key.sec"]);
    let (names, others) = (files(&one), files(&two));
    assert_eq!(names.len(), others.len());
    for (a, b) in names.iter().zip(&others) {
        assert_eq!(a.strip_prefix(&one).unwrap(), b.strip_prefix(&two).unwrap());
        // Each signature is made with fresh randomness; what it signs is the same.
        if !a.ends_with("SHA256SUMS.minisig") {
            assert_eq!(fs::read(a).unwrap(), fs::read(b).unwrap(), "{}", a.display());
        }
    }
    let mut arguments = vec!["evidence", "verify", "one", "--again"];
    arguments.extend(INPUTS);
    let again = leastwise(dir.path(), &arguments);
    assert_eq!(again.status.code(), Some(0), "{}{}", text(&again.stdout), text(&again.stderr));
    assert!(text(&again.stdout).contains("the audit was made again and gives the same report"));
    let fewer =
        ["evidence", "verify", "one", "--again", "--logs", "sample-logs/AWSLogs", "--iam", "sample-logs/iam"];
    let said = leastwise(dir.path(), &fewer);
    assert_eq!(said.status.code(), Some(10));
    assert!(text(&said.stdout).contains("an audit of these inputs gives other"), "{}", text(&said.stdout));
}

/// The logs of one account of the sample.
const ONE_ACCOUNT: &str = "sample-logs/AWSLogs/o-5de9f6uww6/540606292626";

#[test]
fn an_audit_is_made_again_with_every_setting_it_had() {
    let dir = bench();
    let settings = "min-window = \"1d\"\nmin-coverage = \"10\"\nwatch = \"3d\"\naction-names = \"whole\"\nmax-excess = 7\n\
        split-names = \"{workload}-of-{role}\"\nresources = \"type\"\nunobservable = \"drop\"\nsince = \"2026-06-03\"\nuntil = \"2026-06-06\"\n\
        [[accounts]]\nid = \"111122223333\"\n\
        [[exceptions]]\ncode = \"shared-role\"\nreason = \"r\"\nowner = \"o\"\nexpires = \"2999-01-01\"\n\
        [[exceptions]]\ncode = \"wildcard-action\"\nreason = \"r\"\nowner = \"o\"\nexpires = \"2026-01-01\"\n";
    fs::write(dir.path().join("leastwise.toml"), settings).unwrap();
    let audit = ["audit", ONE_ACCOUNT, "--iam", "sample-logs/iam", "--out", "report", "--quiet"];
    // An account that should have logs has none.
    assert_eq!(leastwise(dir.path(), &audit).status.code(), Some(4));
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(dir.path().join("report/report.json")).unwrap()).unwrap();
    assert_eq!(report["settings"]["exceptions"].as_array().unwrap().len(), 2);
    assert_eq!(report["settings"]["max_excess"], 7);
    assert_eq!(report["settings"]["split_names"], "{workload}-of-{role}");
    let excepted = |expired: bool| {
        let findings = report["findings"].as_array().unwrap().iter();
        findings.filter(|finding| finding["exception"]["expired"] == expired).count()
    };
    assert!(excepted(true) > 0 && excepted(false) > 0, "{}", report["findings"]);
    // What the settings file says now does not matter.
    fs::remove_file(dir.path().join("leastwise.toml")).unwrap();
    let inputs = ["--logs", ONE_ACCOUNT, "--iam", "sample-logs/iam"];
    let made = leastwise(dir.path(), &[&["evidence", "report", "--out", "bundle"], &inputs[..]].concat());
    assert_eq!(made.status.code(), Some(4), "{}", text(&made.stderr));
    let verify = ["evidence", "verify", "bundle", "--again"];
    let again = leastwise(dir.path(), &[&verify, &inputs[..]].concat());
    assert_eq!(again.status.code(), Some(0), "{}{}", text(&again.stdout), text(&again.stderr));
    assert!(text(&again.stdout).contains("the audit was made again and gives the same report"));
    let nothing = leastwise(dir.path(), &[&verify[..], &inputs[2..]].concat());
    assert_eq!(nothing.status.code(), Some(2));
    assert!(text(&nothing.stderr).contains("nothing to make it from"), "{}", text(&nothing.stderr));
}

#[test]
fn a_report_of_a_store_has_a_bundle_that_lists_the_ledger_and_what_it_was_read_from() {
    let dir = bench();
    let run = |arguments: &[&str], status: i32| {
        let output = leastwise(dir.path(), arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    // A store that keeps hashes; no digest file of these logs needs a key.
    fs::write(dir.path().join("keys.json"), "{\"PublicKeyList\": []}").unwrap();
    let proof = ["--verify-logs", "--public-keys", "keys.json"];
    run(&[&["ingest", ONE_ACCOUNT, "--store", "ledger", "--quiet"], &proof[..]].concat(), 4);
    run(&["audit", "--store", "ledger", "--iam", "sample-logs/iam", "--out", "report", "--quiet"], 4);
    let inputs = ["--store", "ledger", "--iam", "sample-logs/iam"];
    run(&[&["evidence", "report", "--out", "bundle"], &inputs[..]].concat(), 4);
    let read = |name: &str| fs::read_to_string(dir.path().join("bundle").join(name)).unwrap();
    // Every file of the ledger with its hash, and every object with what CloudTrail's digest files would say of it.
    let mut n_files = 0;
    for line in read("input/objects.csv").lines().filter(|line| line.contains(",ledger,")) {
        let fields: Vec<&str> = line.split(',').collect();
        let hash = runs(Command::new("sha256sum").arg(fields[0]).current_dir(dir.path()));
        assert!(hash.starts_with(fields[3]), "{line}: {hash}");
        n_files += 1;
    }
    let is_of_the_run = |path: &&PathBuf| path.ends_with("lock") || path.ends_with("readers");
    let there = files(&dir.path().join("ledger"));
    assert_eq!(n_files + there.iter().filter(is_of_the_run).count(), there.len());
    let mut n_objects = 0;
    for line in read("input/ledger.csv").lines().skip(1).filter(|line| line.contains(",read,")) {
        let fields: Vec<&str> = line.split(',').collect();
        let raw = fs::read(dir.path().join(fields[0])).unwrap();
        assert_eq!(fields[1], raw.len().to_string(), "{line}");
        let mut inflated = Vec::new();
        if flate2::read::MultiGzDecoder::new(raw.as_slice()).read_to_end(&mut inflated).is_ok() {
            let hash = Sha256::digest(&inflated).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
            assert_eq!(fields[5], hash, "{line}");
        }
        n_objects += 1;
    }
    assert!(n_objects > 100, "{n_objects}");
    let samples = read("samples/events.csv");
    let located = samples.lines().skip(1).filter(|line| line.contains(&format!(",{ONE_ACCOUNT}"))).count();
    assert_eq!(located + 1, samples.lines().count(), "{samples}");
    let verify = ["evidence", "verify", "bundle", "--again"];
    let said = run(&[&verify, &inputs[..]].concat(), 0);
    assert!(said.contains("the audit was made again and gives the same report"), "{said}");
    // One byte of the ledger.
    let one =
        files(&dir.path().join("ledger")).into_iter().find(|path| path.ends_with("objects.parquet")).unwrap();
    let mut bytes = fs::read(&one).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&one, bytes).unwrap();
    let changed = leastwise(dir.path(), &[&verify[..3], &inputs[..]].concat());
    assert_ne!(changed.status.code(), Some(0), "{}", text(&changed.stdout));
}

#[test]
fn every_sample_event_lies_where_the_list_says() {
    let dir = bench();
    let bundle = make(dir.path(), "bundle", &[]);
    let list = fs::read_to_string(bundle.join("samples/events.csv")).unwrap();
    let mut n_found = 0;
    for line in list.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [event, _, object, offset, sha256] = fields[..] else { panic!("{line}") };
        assert!(!object.is_empty(), "not located: {line}");
        let raw = fs::read(dir.path().join(object)).unwrap();
        let mut inflated = Vec::new();
        // One object of the sample is cut off; what can be read of it counts.
        let _ = flate2::read::MultiGzDecoder::new(raw.as_slice()).read_to_end(&mut inflated);
        let at: usize = offset.parse().unwrap();
        let here = text(&inflated[at..(at + 80).min(inflated.len())]);
        assert!(here.starts_with("\"eventID\"") && here.contains(event), "{line}: {here}");
        let objects = fs::read_to_string(bundle.join("input/objects.csv")).unwrap();
        assert!(objects.contains(&format!("{object},logs,{},{sha256}", raw.len())), "{line}");
        n_found += 1;
    }
    assert!(n_found > 50, "{n_found} samples");
}

/// Answers one time stamp query with openssl, as an authority would.
fn authority(dir: &Path) -> String {
    let config = "[tsa]\ndefault_tsa = own\n[own]\nserial = tsa.serial\ncrypto_device = builtin\nsigner_digest = sha256\n\
                  default_policy = 1.2.3.4.1\ndigests = sha256\naccuracy = secs:1\nordering = no\ntsa_name = no\ness_cert_id_chain = no\n\
                  [req]\ndistinguished_name = dn\nx509_extensions = ext\nprompt = no\n[dn]\nCN = Test Time Stamp Authority\n\
                  [ext]\nextendedKeyUsage = critical,timeStamping\nkeyUsage = critical,digitalSignature\nbasicConstraints = critical,CA:FALSE\n";
    fs::write(dir.join("tsa.cnf"), config).unwrap();
    fs::write(dir.join("tsa.serial"), "01\n").unwrap();
    let key = [
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "tsa.key", "-out", "tsa.pem", "-days",
        "2", "-config", "tsa.cnf",
    ];
    runs(Command::new("openssl").args(key).current_dir(dir));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let dir = dir.to_owned();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        let mut part = [0; 4096];
        let body = loop {
            let n = stream.read(&mut part).unwrap();
            asked.extend_from_slice(&part[..n]);
            let head_end = asked.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(at) = head_end {
                let head = text(&asked[..at]).to_lowercase();
                assert!(head.contains("application/timestamp-query"), "{head}");
                let length: usize =
                    head.split("content-length: ").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
                if asked.len() >= at + 4 + length {
                    break asked[at + 4..].to_vec();
                }
            }
        };
        fs::write(dir.join("query.tsq"), body).unwrap();
        let reply = [
            "ts",
            "-reply",
            "-config",
            "tsa.cnf",
            "-queryfile",
            "query.tsq",
            "-signer",
            "tsa.pem",
            "-inkey",
            "tsa.key",
            "-out",
            "answer.tsr",
        ];
        runs(Command::new("openssl").args(reply).current_dir(&dir));
        let answer = fs::read(dir.join("answer.tsr")).unwrap();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/timestamp-reply\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", answer.len()).unwrap();
        stream.write_all(&answer).unwrap();
    });
    url
}

#[test]
fn a_time_stamp_is_one_that_openssl_verifies() {
    let dir = bench();
    let url = authority(dir.path());
    let bundle = make(dir.path(), "bundle", &["--tsa-url", &url]);
    let verify = ["ts", "-verify", "-data", "SHA256SUMS", "-in", "SHA256SUMS.tsr", "-CAfile", "../tsa.pem"];
    runs(Command::new("openssl").args(verify).current_dir(&bundle));
    let output = leastwise(dir.path(), &["evidence", "verify", "bundle"]);
    assert!(text(&output.stdout).contains("a time stamp is present"), "{}", text(&output.stdout));
    // A time stamp of something else is found without the authority's certificate.
    let path = bundle.join("SHA256SUMS.tsr");
    let mut stamp = fs::read(&path).unwrap();
    let hash = Sha256::digest(fs::read(bundle.join("SHA256SUMS")).unwrap());
    let at = stamp.windows(32).position(|part| part == hash.as_slice()).unwrap();
    stamp[at] ^= 1;
    fs::write(&path, stamp).unwrap();
    let output = leastwise(dir.path(), &["evidence", "verify", "bundle"]);
    assert_eq!(output.status.code(), Some(10));
    assert!(
        text(&output.stdout).contains("SHA256SUMS.tsr: it is no time stamp of SHA256SUMS"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn what_cannot_be_made_says_why_and_leaves_nothing() {
    let dir = bench();
    fs::create_dir(dir.path().join("full")).unwrap();
    fs::write(dir.path().join("full/mine.txt"), "mine").unwrap();
    fs::write(dir.path().join("other.json"), "{\"schema\": \"leastwise.report/v9\"}").unwrap();
    fs::write(dir.path().join("text.json"), "no JSON").unwrap();
    fs::write(dir.path().join("list.json"), "[1]").unwrap();
    fs::write(dir.path().join("bad.key"), "untrusted comment: x\nAAAA\n").unwrap();
    for (arguments, status, said) in [
        (&["reports", "--out", "full"][..], 1, "is not empty"),
        (&["other.json", "--out", "new"], 1, "is of schema `leastwise.report/v9`"),
        (&["text.json", "--out", "new"], 1, "is no report"),
        (&["list.json", "--out", "new"], 1, "is no report of leastwise"),
        (&["missing.json", "--out", "new"], 1, "cannot read `missing.json`"),
        (&["reports", "--out", "new", "--key", "bad.key"], 1, "the secret key cannot be used"),
        (&["reports", "--out", "new", "--logs", "missing"], 1, "cannot read `missing`"),
        (&["reports", "--out", "new", "--tsa-url", "http://127.0.0.1:9/"], 1, "gave no time stamp"),
        (&["reports"], 2, "--out"),
        (&["verify", "reports"], 1, "this is no evidence bundle"),
        (&["verify", "reports", "--public-key", "nonsense"], 2, "the public key cannot be used"),
    ] {
        let output = leastwise(dir.path(), &[&["evidence"], arguments].concat());
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {stderr}");
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
        assert!(!dir.path().join("new").exists(), "{arguments:?} leaves nothing");
    }
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".evidence")), "{left:?}");
}
