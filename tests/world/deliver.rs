//! Records into objects, as an organization trail delivers them: gzip, one folder per account, Region and day, the same
//! record twice now and then, and one object that was cut off on its way.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::cast::Cast;
use super::clock::{self, HOUR, MINUTE};
use super::random::Rng;
use super::stage::Record;
use super::truth::Truth;

/// How much of a day goes into one object.
const SLOT: i64 = 6 * HOUR;

/// At most this many records share an object.
const OBJECT: usize = 400;

/// Of a hundred records, this many are delivered a second time, six hours later.
const TWICE: u64 = 3;

struct Delivery {
    record: Record,
    is_repeat: bool,
}

/// The trail's delivery into one folder.
pub(crate) struct Trail<'a> {
    cast: &'a Cast,
    root: PathBuf,
    rng: Rng,
    pending: BTreeMap<(i64, String, String), Vec<Delivery>>,
    /// The object to cut off, by slot, account and Region; some worlds lose nothing.
    cut: Option<(i64, String, String)>,
}

impl<'a> Trail<'a> {
    pub(crate) fn new(cast: &'a Cast, root: &Path, seed: u64, start: i64, days: i64) -> Self {
        // The global Region of the data account: nothing but AWS's own doings, and root's only visit late on its day.
        let slot = start + days / 2 * clock::DAY + SLOT;
        let cut = (!super::is_tidy(seed)).then(|| (slot, cast.accounts[1].clone(), "us-east-1".to_owned()));
        Self {
            cast,
            root: root.to_owned(),
            rng: Rng::new(seed).fork("trail", 0),
            pending: BTreeMap::new(),
            cut,
        }
    }

    pub(crate) fn accept(&mut self, records: Vec<Record>) {
        for record in records {
            let slot = record.time.div_euclid(SLOT) * SLOT + SLOT;
            let place = |slot| (slot, record.account.clone(), record.region.clone());
            if self.rng.percent(TWICE) && self.cut.as_ref() != Some(&place(slot)) {
                let repeat = Delivery { record: record.clone(), is_repeat: true };
                self.pending.entry(place(slot + SLOT)).or_default().push(repeat);
            }
            self.pending.entry(place(slot)).or_default().push(Delivery { record, is_repeat: false });
        }
    }

    /// Writes every object whose slot ended by then.
    pub(crate) fn deliver_until(&mut self, time: i64, truth: &mut Truth) -> io::Result<()> {
        let later = self.pending.split_off(&(time + 1, String::new(), String::new()));
        let due = std::mem::replace(&mut self.pending, later);
        for ((slot, account, region), mut deliveries) in due {
            deliveries.sort_by_key(|delivery| delivery.record.time);
            if self.cut.as_ref() == Some(&(slot, account.clone(), region.clone())) {
                self.write_cut_off(slot, &account, &region, deliveries, truth)?;
                continue;
            }
            for i in (1..deliveries.len()).rev() {
                deliveries.swap(i, self.rng.below(i as u64 + 1) as usize);
            }
            for chunk in deliveries.chunks(OBJECT) {
                let path = self.log_path(slot, &account, &region);
                let texts: Vec<&str> = chunk.iter().map(|delivery| delivery.record.text.as_str()).collect();
                self.write(&path, &[&format!("{{\"Records\":[{}]}}", texts.join(","))])?;
                *truth.objects.entry("logs").or_default() += 1;
                chunk.iter().for_each(|delivery| enter(truth, delivery));
            }
        }
        Ok(())
    }

    /// All but the last two records arrive: the compressor is flushed before them, and the object ends just after that.
    fn write_cut_off(
        &mut self,
        slot: i64,
        account: &str,
        region: &str,
        deliveries: Vec<Delivery>,
        truth: &mut Truth,
    ) -> io::Result<()> {
        let (head, tail) = deliveries.split_at(deliveries.len().saturating_sub(2));
        let text = |deliveries: &[Delivery]| {
            deliveries.iter().map(|delivery| delivery.record.text.as_str()).collect::<Vec<_>>().join(",")
        };
        let path = self.log_path(slot, account, region);
        let (head_text, tail_text) =
            (format!("{{\"Records\":[{},", text(head)), format!("{}]}}", text(tail)));
        let (mut bytes, flushed) = compress(&[&head_text, &tail_text])?;
        bytes.truncate(flushed + 4);
        write_file(&self.root.join(&path), &bytes)?;
        *truth.objects.entry("cut-off").or_default() += 1;
        truth.cut = Some((path, account.to_owned(), head.len() as u64));
        truth.lost_to_the_cut = tail.len() as u64;
        head.iter().for_each(|delivery| enter(truth, delivery));
        Ok(())
    }

    /// What lies beside the logs and holds no calls: digests, and an Insights object.
    pub(crate) fn deliver_other_objects(
        &mut self,
        start: i64,
        days: i64,
        truth: &mut Truth,
    ) -> io::Result<()> {
        let organization = &self.cast.organization;
        for index in 0..days.min(3) {
            for account in 0..2 {
                let (id, region) = (&self.cast.accounts[account], &self.cast.regions[account]);
                let end = start + index * clock::DAY + 13 * HOUR;
                let stamp = clock::iso(end).replace(['-', ':'], "");
                let path = format!(
                    "AWSLogs/{organization}/{id}/CloudTrail-Digest/{region}/{}/{id}_CloudTrail-Digest_{region}_organization_{region}_{stamp}.json.gz",
                    clock::folder(end)
                );
                let digest = json!({"awsAccountId": id, "digestStartTime": clock::iso(end - HOUR),
                    "digestEndTime": clock::iso(end), "digestS3Bucket": self.cast.bucket("trail"), "digestS3Object": path,
                    "previousDigestS3Bucket": null, "previousDigestS3Object": null, "previousDigestHashValue": null,
                    "digestSignatureAlgorithm": "SHA256withRSA", "digestPublicKeyFingerprint": self.rng.hex(32),
                    "logFiles": []});
                self.write(&path, &[&digest.to_string()])?;
                *truth.objects.entry("digests").or_default() += 1;
            }
        }
        let (id, region) = (&self.cast.accounts[0], &self.cast.regions[0]);
        let path = format!(
            "AWSLogs/{organization}/{id}/CloudTrail-Insight/{region}/{}/{id}_CloudTrail-Insight_{region}_{}_{}.json.gz",
            clock::folder(start + 9 * HOUR),
            clock::compact(start + 9 * HOUR),
            self.rng.base36(16)
        );
        let id = self.rng.uuid();
        let half = |state: &str, event: String| {
            json!({"eventVersion": "1.08", "eventTime": clock::iso(start + 9 * HOUR), "awsRegion": region, "eventID": event,
                "eventType": "AwsCloudTrailInsight", "recipientAccountId": self.cast.accounts[0], "sharedEventID": id,
                "insightDetails": {"state": state, "eventSource": "ec2.amazonaws.com", "eventName": "RunInstances",
                    "insightType": "ApiCallRateInsight"}, "eventCategory": "Insight"})
        };
        let (start_half, end_half) = (self.rng.uuid(), self.rng.uuid());
        let records = json!({"Records": [half("Start", start_half), half("End", end_half)]});
        self.write(&path, &[&records.to_string()])?;
        *truth.objects.entry("insights").or_default() += 1;
        Ok(())
    }

    fn log_path(&mut self, slot: i64, account: &str, region: &str) -> String {
        let time = slot + self.rng.range(2, 9) * MINUTE;
        format!(
            "AWSLogs/{}/{account}/CloudTrail/{region}/{}/{account}_CloudTrail_{region}_{}_{}.json.gz",
            self.cast.organization,
            clock::folder(time),
            clock::compact(time),
            self.rng.base36(16)
        )
    }

    fn write(&self, path: &str, parts: &[&str]) -> io::Result<()> {
        write_file(&self.root.join(path), &compress(parts)?.0)
    }
}

fn enter(truth: &mut Truth, delivery: &Delivery) {
    if delivery.is_repeat {
        truth.read += 1;
        truth.duplicates += 1;
    } else {
        truth.enter(delivery.record.time, &delivery.record.entry);
    }
}

/// Gzip without a time stamp; also the length after the first part was flushed.
fn compress(parts: &[&str]) -> io::Result<(Vec<u8>, usize)> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let mut flushed = 0;
    for (index, part) in parts.iter().enumerate() {
        encoder.write_all(part.as_bytes())?;
        if index == 0 && parts.len() > 1 {
            encoder.flush()?;
            flushed = encoder.get_ref().len();
        }
    }
    Ok((encoder.finish()?, flushed))
}

pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(path, bytes)
}
