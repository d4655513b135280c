//! Requests, counted as they go out and come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents, interceptors};
use aws_sdk_s3::error::BoxError;

/// Counts requests as they go out and come back; clones count together.
#[derive(Clone, Debug, Default)]
pub(super) struct Sent(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    /// Attempts, all of them.
    attempts: AtomicU64,
    /// Operations, whatever the number of attempts.
    operations: AtomicU64,
    /// Answers that asked to slow down.
    throttled: AtomicU64,
}

impl Sent {
    /// Attempts after the first one of each operation.
    pub(super) fn retries(&self) -> u64 {
        let operations = self.0.operations.load(Ordering::Relaxed);
        self.0.attempts.load(Ordering::Relaxed).saturating_sub(operations)
    }

    pub(super) fn attempts(&self) -> u64 {
        self.0.attempts.load(Ordering::Relaxed)
    }

    pub(super) fn throttled(&self) -> u64 {
        self.0.throttled.load(Ordering::Relaxed)
    }
}

impl Intercept for Sent {
    fn name(&self) -> &'static str {
        "Sent"
    }

    fn read_before_execution(
        &self,
        _: &interceptors::BeforeSerializationInterceptorContextRef<'_>,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.operations.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn read_before_transmit(
        &self,
        _: &interceptors::BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.attempts.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn read_after_transmit(
        &self,
        context: &interceptors::BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if matches!(context.response().status().as_u16(), 429 | 503) {
            self.0.throttled.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
