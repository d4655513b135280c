//! What kinds of calls each actor makes.

use serde_json::json;

use super::calls::{self, Call};
use super::cast::Cast;
use super::random::Rng;

/// `eks-<cluster>-<pod>-<uuid>`, ten characters of each name.
pub(crate) fn pod_session_name(cluster: &str, pod: &str, r: &mut Rng) -> String {
    let short = |text: &str| text.chars().take(10).collect::<String>();
    format!("eks-{}-{}-{}", short(cluster), short(pod), r.uuid())
}

pub(crate) fn checkout(cast: &Cast, kind: i64, r: &mut Rng) -> Call {
    let orders = cast.bucket("orders");
    let key = format!("orders/2026/{:02}/batch-{}.json", r.range(1, 6), r.range(1, 6));
    match kind {
        0 => calls::get_object(cast, &orders, &key),
        1 => calls::put_object(cast, &orders, &key),
        2 => calls::head_object(cast, &orders, &key),
        3 => calls::parameter(
            cast,
            0,
            r.word(&["/checkout/api-key", "/checkout/currency", "/checkout/limits"]),
        ),
        4 => calls::secret(cast, 0, "GetSecretValue", r.word(&["checkout/db-a1B2c3", "checkout/psp-d4E5f6"])),
        5 => {
            let secret = cast.arn(0, "secretsmanager", "secret:checkout/db-a1B2c3");
            calls::kms(cast, 0, "Decrypt", "secretsmanager.amazonaws.com", json!({"SecretARN": secret}))
        }
        6 => calls::list_objects(cast, &orders, "orders/2026/"),
        7 => calls::describe_table(cast, 0, "orders"),
        _ => calls::invoke(cast, 0, "thumbnails"),
    }
}

pub(crate) fn catalog(cast: &Cast, kind: i64, r: &mut Rng) -> Call {
    let catalog = cast.bucket("catalog");
    let key = format!("items/{:03}.json", r.range(1, 30));
    match kind {
        0 => calls::get_object(cast, &catalog, &key),
        1 => calls::head_object(cast, &catalog, &key),
        2 => calls::list_objects(cast, &catalog, "items/"),
        3 => calls::parameter(cast, 0, "/catalog/feed-url"),
        // Not in the role's policies: the bucket's own policy lets it.
        _ => calls::get_object_tagging(cast, &cast.bucket("shared"), "logo.svg"),
    }
}

pub(crate) fn search(cast: &Cast, kind: i64, r: &mut Rng) -> Call {
    let catalog = cast.bucket("catalog");
    match kind {
        0 => calls::get_object(cast, &catalog, &format!("items/{:03}.json", r.range(1, 12))),
        _ => calls::list_objects(cast, &catalog, "items/"),
    }
}

pub(crate) fn node_calls(cast: &Cast, kind: i64, r: &mut Rng) -> Call {
    match kind {
        0 => calls::pull_image(cast, 0, r.word(&["shop/checkout", "shop/catalog", "payments/api"])),
        1 => calls::describe_all("ec2", "DescribeInstances"),
        _ => calls::describe_all("ecr", "GetAuthorizationToken"),
    }
}

pub(crate) fn payments(cast: &Cast, kind: i64, _: &mut Rng) -> Call {
    match kind {
        0 => calls::secret(cast, 0, "GetSecretValue", "payments/psp-Qw8Er7"),
        _ => {
            let secret = cast.arn(0, "secretsmanager", "secret:payments/psp-Qw8Er7");
            calls::kms(cast, 0, "Decrypt", "secretsmanager.amazonaws.com", json!({"SecretARN": secret}))
        }
    }
}

pub(crate) fn artifacts(cast: &Cast, kind: i64, folder: &str, r: &mut Rng) -> Call {
    let artifacts = cast.bucket("artifacts");
    let key = format!("{folder}/step-{}/main.log", r.range(1, 9));
    match kind {
        0 => calls::put_object(cast, &artifacts, &key),
        1 => calls::get_object(cast, &artifacts, &key),
        _ => calls::list_objects(cast, &artifacts, folder),
    }
}

pub(crate) fn lake_writer(cast: &Cast, kind: i64, r: &mut Rng) -> Call {
    match kind {
        0 => calls::start_job_run(cast, 1, "compact", r),
        1 => calls::job_run(cast, 1, "compact", r),
        2 => calls::put_object(cast, &cast.bucket("lake"), &format!("raw/{}.parquet", r.hex(8))),
        3 => {
            let object = format!("{}/raw", super::cast::bucket_arn(&cast.bucket("lake")));
            calls::kms(cast, 1, "GenerateDataKey", "AWS Internal", json!({"aws:s3:arn": object}))
        }
        _ => calls::start_query(cast, 1, "lake", r),
    }
}

pub(crate) fn airflow_worker(cast: &Cast, kind: i64, r: &mut Rng) -> Call {
    let dags = cast.bucket("dags");
    match kind {
        0 => calls::get_object(cast, &dags, r.word(&["dags/orders.py", "dags/inventory.py"])),
        1 => calls::list_objects(cast, &dags, "dags/"),
        _ => calls::head_object(cast, &dags, "dags/orders.py"),
    }
}

pub(crate) fn dag_calls(cast: &Cast, kind: i64, account: usize, r: &mut Rng) -> Call {
    match (account, kind) {
        (0, 0) => calls::start_query(cast, 0, "orders", r),
        (0, _) => calls::start_job_run(cast, 0, "orders-daily", r),
        (_, 0) => calls::start_job_run(cast, 1, "inventory", r),
        _ => calls::start_execution(cast, 1, "inventory", r),
    }
}

pub(crate) fn airflow_task(cast: &Cast, kind: i64, r: &mut Rng) -> Call {
    match kind {
        0 => calls::start_execution(cast, 0, "reporting", r),
        1 => calls::secret(cast, 0, "GetSecretValue", "airflow/connections-Vb3Nm1"),
        _ => calls::list_objects(cast, &cast.bucket("dags"), "dags/"),
    }
}

pub(crate) fn astro_calls(cast: &Cast, kind: i64, r: &mut Rng) -> Call {
    match kind {
        0 => calls::start_query(cast, 1, "orion", r),
        _ => calls::parameter(cast, 1, r.word(&["/astro/webhook", "/astro/region"])),
    }
}

pub(crate) fn compactor_calls(cast: &Cast, kind: i64, r: &mut Rng) -> Call {
    let bucket = cast.bucket("compacted");
    match kind {
        0 => calls::describe_table(cast, 1, "offsets"),
        1 => calls::get_object(cast, &bucket, &r.hex(6)),
        _ => calls::put_object(cast, &bucket, &r.hex(6)),
    }
}

pub(crate) fn deploy_shop(cast: &Cast, kind: i64, index: i64, r: &mut Rng) -> Call {
    match kind {
        0 => calls::update_function_code(cast, 0, r.word(&["thumbnails", "nightly-cleanup"])),
        1 => calls::create_function(cast, 0, &format!("preview-{index}-{}", r.hex(3))),
        2 => calls::write_stack(cast, 0, "UpdateStack", "shop-api", "4f1c2d30-66aa-11f0-9a51-0a1b2c3d4e5f"),
        3 => calls::write_stack(cast, 0, "CreateStack", &format!("shop-preview-{index}"), &r.uuid()),
        4 => calls::register_task_definition(cast, 0, "airflow-task", index * 10 + r.range(1, 9)),
        _ => calls::update_service(cast, 0, r.word(&["web", "worker"])),
    }
}

pub(crate) fn reports(cast: &Cast, kind: i64, r: &mut Rng) -> Call {
    let bucket = cast.bucket("reports");
    let key = format!("daily/{:02}.csv", r.range(1, 14));
    match kind {
        0 => calls::put_object(cast, &bucket, &key),
        1 => calls::get_object(cast, &bucket, &key),
        2 => calls::list_objects(cast, &bucket, "daily/"),
        _ => calls::describe_all("ec2", "DescribeInstances"),
    }
}

pub(crate) fn thumbnails(cast: &Cast, kind: i64, r: &mut Rng) -> Call {
    let bucket = cast.bucket("images");
    let number = r.range(1, 20);
    match kind {
        0 => calls::get_object(cast, &bucket, &format!("originals/{number:04}.jpg")),
        _ => calls::put_object(cast, &bucket, &format!("thumbnails/{number:04}.jpg")),
    }
}

pub(crate) fn power_user(cast: &Cast, kind: i64, r: &mut Rng) -> Call {
    match kind {
        0 => calls::describe_all("ec2", "DescribeInstances"),
        1 => calls::describe_cluster(cast, r.pick(&cast.clusters[..1])),
        _ => calls::parameter(cast, 0, "/support/queue"),
    }
}

pub(crate) fn billing_calls(cast: &Cast, kind: i64, r: &mut Rng) -> Call {
    let bucket = cast.bucket("reports");
    match kind {
        0 => calls::list_objects(cast, &bucket, "daily/"),
        _ => calls::get_object(cast, &bucket, &format!("daily/{:02}.csv", r.range(1, 14))),
    }
}
