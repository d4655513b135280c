//! Names of pods: what made them, by the conventions of Kubernetes, Argo and EKS Pod Identity.

/// A pod's name without what a controller appended to tell its pods apart, so that a thousand pods of one Deployment are one label.
pub(super) fn group(pod: &str) -> String {
    let parts: Vec<&str> = pod.split('-').collect();
    let is_random = |part: &str| part.len() == 5 && part.bytes().all(is_safe_letter);
    let is_plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    // A ReplicaSet's hash stands before it; some distributions write both in hexadecimal.
    let is_hash = |part: &str| {
        (8..=10).contains(&part.len()) && is_plain(part) && part.bytes().any(|byte| byte.is_ascii_digit())
    };
    let is_last = |part: &str| part.len() == 5 && is_plain(part);
    let keep = match parts.as_slice() {
        [head @ .., hash, random] if !head.is_empty() && is_hash(hash) && is_last(random) => head.len(),
        [head @ .., random] if !head.is_empty() && is_random(random) => head.len(),
        _ => return pod.to_owned(),
    };
    parts.get(..keep).map(|head| head.join("-")).unwrap_or_default() + "-*"
}

/// The letters Kubernetes makes names up of: no vowels, so that no words appear.
///
/// See: `k8s.io/apimachinery/pkg/util/rand`.
fn is_safe_letter(byte: u8) -> bool {
    b"bcdfghjklmnpqrstvwxz2456789".contains(&byte)
}

/// Workflow and template in the name of an Argo pod: `WORKFLOW-TEMPLATE-HASH`, the hash being a 32-bit number; the workflow ends in what
/// tells its runs apart (five letters of Kubernetes, or a cron workflow's time), which is left out.
///
/// See: `argoproj/argo-workflows`, `workflow/util/pod_name.go`.
pub(super) fn argo(pod: &str) -> Option<(&str, Option<&str>)> {
    let (head, hash) = pod.rsplit_once('-')?;
    let is_hash = (7..=10).contains(&hash.len())
        && hash.bytes().all(|byte| byte.is_ascii_digit())
        && hash.parse::<u64>().is_ok_and(|hash| hash <= u64::from(u32::MAX));
    if !is_hash {
        return None;
    }
    let is_run = |part: &str| {
        let is_random = part.len() == 5 && part.bytes().all(is_safe_letter);
        let is_time = part.len() == 10 && part.bytes().all(|byte| byte.is_ascii_digit());
        is_random || is_time
    };
    let mut start = 0_usize;
    for part in head.split('-') {
        if start > 0 && is_run(part) {
            let workflow = head.get(..start.checked_sub(1)?)?;
            let template = head.get(start + part.len()..)?.strip_prefix('-').filter(|name| !name.is_empty());
            return Some((workflow, template));
        }
        start += part.len() + 1;
    }
    None
}

/// The pod's first letters in `eks-CLUSTER-POD-UUID`: ten of the cluster's name, ten of the pod's. Either may hold dashes, so without the
/// cluster's name some cannot be told apart.
pub(super) fn prefix<'s>(session: &'s str, cluster: Option<&str>) -> Option<&'s str> {
    const UUID: usize = 36;
    const LETTERS: usize = 10;
    let rest = session.strip_prefix("eks-")?;
    let (head, uuid) = rest.split_at_checked(rest.len().checked_sub(UUID)?)?;
    let is_uuid = uuid.bytes().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    let head = head.strip_suffix('-').filter(|_| is_uuid)?;
    let is_pod = |pod: &&str| !pod.is_empty() && pod.len() <= LETTERS && !pod.starts_with('-');
    if let Some(cluster) = cluster {
        let cluster = cluster.get(..LETTERS).unwrap_or(cluster);
        return head.strip_prefix(cluster)?.strip_prefix('-').filter(is_pod);
    }
    let dashes = head.match_indices('-').map(|(at, _)| at).filter(|at| (1..=LETTERS).contains(at));
    let mut pods = dashes.filter_map(|at| head.get(at + 1..)).filter(is_pod);
    pods.next().filter(|_| pods.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn argo_pods_name_workflow_and_template() {
        for (pod, expected) in [
            ("etl-daily-x7k2p-transform-orders-1234567890", Some(("etl-daily", Some("transform-orders")))),
            ("etl-daily-x7k2p-1234567890", Some(("etl-daily", None))),
            ("nightly-1767225600-load-987654321", Some(("nightly", Some("load")))),
            // A Deployment's, a StatefulSet's and a Job's pods are none.
            ("checkout-6d4cf56db6-x7k2p", None),
            ("db-0", None),
            ("report-28401120-x7k2p", None),
            // No run can be told from the workflow's name.
            ("hello-world-1234567890", None),
            ("etl-x7k2p-step-9999999999", None),
            ("1234567890", None),
            ("", None),
        ] {
            assert_eq!(argo(pod), expected, "{pod}");
        }
    }

    #[test]
    fn pods_of_one_controller_are_one_label() {
        for (pod, expected) in [
            ("checkout-6d4cf56db6-x7k2p", "checkout-*"),
            ("agent-x7k2p", "agent-*"),
            ("db-0", "db-0"),
            ("app1-v1-56b9f94b4-dvd5c", "app1-v1-*"),
            ("x7k2p", "x7k2p"),
            ("payments-hello", "payments-hello"),
        ] {
            assert_eq!(group(pod), expected, "{pod}");
        }
    }

    #[test]
    fn pod_identity_session_names_hold_the_pods_first_letters() {
        let uuid = "498124c2-a555-40bf-9059-ca9a26821eb0";
        for (session, cluster, expected) in [
            (format!("eks-eksworksho-app1-{uuid}"), None, Some("app1")),
            (format!("eks-northwind--payments-a-{uuid}"), None, Some("payments-a")),
            (format!("eks-prod-payments-a-{uuid}"), None, Some("payments-a")),
            // Two readings, unless the cluster is known.
            (format!("eks-edge-quiet-0-{uuid}"), None, None),
            (format!("eks-edge-quiet-0-{uuid}"), Some("edge"), Some("quiet-0")),
            (format!("eks-edge-quiet-0-{uuid}"), Some("edge-quiet"), Some("0")),
            (format!("eks-eksworksho-app1-{uuid}"), Some("eksworkshop-eksctl"), Some("app1")),
            (format!("eks-edge-quiet-0-{uuid}"), Some("other"), None),
            (format!("eks-prod-{uuid}"), None, None),
            ("eks-prod-app1-not-a-uuid".to_owned(), None, None),
            ("é".repeat(40), None, None),
        ] {
            assert_eq!(prefix(&session, cluster), expected, "{session} {cluster:?}");
        }
    }
}
