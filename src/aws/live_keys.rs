//! CloudTrail's public keys, asked for while logs are checked.

use std::collections::BTreeMap;

use super::ask::{Account, Unread};
use super::{Aws, Settings, calls, trails};
use crate::ident::Time;
use crate::integrity::PublicKeys;

/// The keys of each Region that were valid in its time, and the Regions whose keys could not be had. Nothing is asked when no Region is
/// named.
pub fn public_keys(
    settings: &Settings,
    wanted: &BTreeMap<String, (Time, Time)>,
) -> (PublicKeys, BTreeMap<String, Unread>) {
    let (mut keys, mut failed) = (PublicKeys::default(), BTreeMap::new());
    if wanted.is_empty() {
        return (keys, failed);
    }
    let aws = match Aws::connect(settings) {
        Ok(aws) => aws,
        Err(error) => {
            let unread = Unread::new("CloudTrail's public keys", &error);
            return (keys, wanted.keys().map(|region| (region.clone(), unread.clone())).collect());
        }
    };
    // Keys are AWS's own, the same for every account.
    let account = Account { aws, id: "of the caller".to_owned() };
    for (region, times) in wanted {
        let asked = trails::public_keys(&account, &calls::LIST_DIGEST_KEYS, region, *times);
        match account.aws.run(asked) {
            Ok(list) => {
                // Written here in the shape that is read there.
                if let Err(error) = keys.add_json(&list.to_string()) {
                    let what = format!("the public keys of {region}");
                    failed.insert(region.clone(), Unread { what, error: error.to_string(), hint: None });
                }
            }
            Err(unread) => drop(failed.insert(region.clone(), unread)),
        }
    }
    (keys, failed)
}
