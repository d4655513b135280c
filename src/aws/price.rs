//! What reading a bucket costs, by AWS's list prices.
//!
//! See: <https://aws.amazon.com/s3/pricing/>, <https://aws.amazon.com/kms/pricing/>

use crate::ingest::Preview;

/// What the numbers rest on; shown beside them.
pub const ASSUMPTIONS: &str = "Prices: AWS's list prices of mid 2025 for S3 Standard in us-east-1: $0.005 per 1,000 LIST, $0.0004 per 1,000 GET, \
     $0.09 per GB to the internet (nothing inside the Region), $0.03 per 10,000 calls of KMS. Other Regions and storage classes \
     cost more; retries are not in.";

const LIST: f64 = 0.005 / 1_000.0;
const GET: f64 = 0.000_4 / 1_000.0;
const TRANSFER: f64 = 0.09 / 1_000_000_000.0;
const KMS: f64 = 0.03 / 10_000.0;

/// Dollars of the United States.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// LIST requests of one run.
    pub lists: u64,
    /// GET requests of one run.
    pub gets: u64,
    /// All requests together.
    pub requests: f64,
    /// When read from outside the bucket's Region.
    pub transfer: f64,
    /// When every object needs a call of KMS: SSE-KMS without bucket keys.
    pub decryption: f64,
}

/// For a run that reads what `preview` found.
#[expect(clippy::cast_precision_loss, reason = "an estimate in dollars")]
pub fn estimate(preview: &Preview) -> Estimate {
    let (lists, gets) = (preview.transfer.lists, preview.remote_objects);
    Estimate {
        lists,
        gets,
        requests: lists as f64 * LIST + gets as f64 * GET,
        transfer: preview.remote_bytes as f64 * TRANSFER,
        decryption: gets as f64 * KMS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::Transfer;

    #[test]
    fn a_year_of_a_large_organization() {
        let transfer = Transfer { lists: 20_000, ..Transfer::default() };
        let preview = Preview {
            remote_objects: 10_000_000,
            remote_bytes: 1_000_000_000_000,
            transfer,
            ..Preview::default()
        };
        let estimate = estimate(&preview);
        let cents = |dollars: f64| (dollars * 100.0).round();
        assert_eq!((cents(estimate.requests), cents(estimate.transfer)), (410.0, 9_000.0));
        assert_eq!(cents(estimate.decryption), 3_000.0);
    }
}
