//! What platforms say by the names they give: Airflow, Astronomer, EMR on EKS.

use crate::ident::{is_account_id, is_name_char};

/// The connection in a session name of Airflow: `Airflow_CONNECTION`, in lower case since the name is slugified.
pub(super) fn airflow_connection(session: &str) -> Option<&str> {
    let (head, connection) = session.split_at_checked("airflow_".len())?;
    (head.eq_ignore_ascii_case("airflow_") && !connection.is_empty()).then_some(connection)
}

/// Components of an Airflow deployment that have a ServiceAccount of their own.
const COMPONENTS: &[&str] = &["api-server", "dag-processor", "scheduler", "triggerer", "webserver", "worker"];

/// Deployment and component in a ServiceAccount of Astronomer: `DEPLOYMENT-COMPONENT-serviceaccount`, or `DEPLOYMENT-kpo` for pods that tasks
/// start. The namespace is the deployment's, or ends in it.
pub(super) fn astronomer<'w>(namespace: &str, account: &'w str) -> Option<(&'w str, &'w str)> {
    let (deployment, component) = match account.strip_suffix("-serviceaccount") {
        Some(head) => COMPONENTS.iter().find_map(|component| {
            let deployment = head.strip_suffix(component)?.strip_suffix('-')?;
            Some((deployment, head.get(deployment.len() + 1..)?))
        })?,
        None => (account.strip_suffix("-kpo")?, account.get(account.len() - 3..)?),
    };
    let is_own =
        namespace == deployment || namespace.strip_suffix(deployment).is_some_and(|head| head.ends_with('-'));
    (is_own && !deployment.is_empty()).then_some((deployment, component))
}

/// Component and job role in a ServiceAccount of EMR on EKS: `emr-containers-sa-CLIENT-COMPONENT-ACCOUNT-ROLE`, the role's name being a number in
/// base 36 whose bytes are its letters.
///
/// See: <https://docs.aws.amazon.com/cli/latest/reference/emr-containers/update-role-trust-policy.html>
pub(super) fn emr_on_eks(account: &str) -> Option<(&str, String)> {
    let rest = account.strip_prefix("emr-containers-sa-")?;
    let (head, number) = rest.rsplit_once('-')?;
    let (component, id) = head.rsplit_once('-')?;
    let role = role_of_number(number)?;
    (is_account_id(id) && !component.is_empty()).then_some((component, role))
}

/// The text whose bytes, read as one large number, are written in base 36 like this; `None` when it is no role's name.
fn role_of_number(number: &str) -> Option<String> {
    /// A role's name has 64 letters at most, which are 100 digits.
    const MOST_DIGITS: usize = 100;
    if number.is_empty() || number.len() > MOST_DIGITS {
        return None;
    }
    // Least significant byte first.
    let mut bytes: Vec<u8> = Vec::new();
    for digit in number.chars() {
        let mut carry = digit.to_digit(36).filter(|_| !digit.is_ascii_uppercase())?;
        for byte in &mut bytes {
            carry += u32::from(*byte) * 36;
            *byte = u8::try_from(carry & 0xff).ok()?;
            carry >>= 8;
        }
        while carry > 0 {
            bytes.push(u8::try_from(carry & 0xff).ok()?);
            carry >>= 8;
        }
    }
    bytes.reverse();
    let name = String::from_utf8(bytes).ok()?;
    (!name.is_empty() && name.len() <= 64 && name.chars().all(is_name_char)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn astronomer_names_deployment_and_component() {
        for (namespace, account, expected) in [
            ("vega-1234", "vega-1234-worker-serviceaccount", Some(("vega-1234", "worker"))),
            ("vega-1234", "vega-1234-dag-processor-serviceaccount", Some(("vega-1234", "dag-processor"))),
            ("vega-1234", "vega-1234-kpo", Some(("vega-1234", "kpo"))),
            ("astronomer-vega-1234", "vega-1234-scheduler-serviceaccount", Some(("vega-1234", "scheduler"))),
            ("shop", "vega-1234-worker-serviceaccount", None),
            ("shop", "shop-cleaner-serviceaccount", None),
            ("shop", "kpo", None),
            ("", "-kpo", None),
        ] {
            assert_eq!(astronomer(namespace, account), expected, "{namespace} {account}");
        }
    }

    #[test]
    fn emr_names_the_job_role_in_base_36() {
        // `JobRole` and `emr-job-role`, as `aws emr-containers update-role-trust-policy` writes them.
        for (account, expected) in [
            ("emr-containers-sa-spark-driver-111122223333-5qaq7ogbazp", Some(("spark-driver", "JobRole"))),
            (
                "emr-containers-sa-spark-executor-111122223333-31k61zpmb7mlsiqq1k5",
                Some(("spark-executor", "emr-job-role")),
            ),
            ("emr-containers-sa-spark-driver-1111-5qaq7ogbazp", None),
            ("emr-containers-sa-spark-driver-111122223333-0", None),
            ("emr-containers-sa-spark-driver-111122223333-zzz.", None),
            ("spark-driver", None),
        ] {
            let found = emr_on_eks(account);
            let found = found.as_ref().map(|(component, role)| (*component, role.as_str()));
            assert_eq!(found, expected, "{account}");
        }
        assert_eq!(role_of_number(&"z".repeat(101)), None);
    }
}
