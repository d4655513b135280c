//! How every AWS client is made.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use tokio::runtime::Runtime;

use super::AwsError;
use super::sent::Sent;

/// Attempts for one request, the first included; three, the SDKs' default, lose objects under throttling.
const ATTEMPTS: u32 = 10;
/// Doubled from retry to retry, with full jitter.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(20);
const CONNECT: Duration = Duration::from_secs(5);
/// Until the first byte of an answer.
const READ: Duration = Duration::from_secs(30);
/// AWS's own limit on names of role sessions allows more; this one says who it is.
const SESSION_NAME: &str = "leastwise";

/// Whom to talk to, as whom. What is not set comes from the environment and the files all AWS tools share.
///
/// See: <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// A profile of the shared files; none is `AWS_PROFILE`, then `default`.
    pub profile: Option<String>,
    /// None is `AWS_REGION`, then the profile's, then the instance's.
    pub region: Option<String>,
    /// For all services; none is `AWS_ENDPOINT_URL` and its kin.
    pub endpoint_url: Option<String>,
    /// Bucket names go into the path, as most servers other than AWS's want it.
    pub path_style: bool,
    /// The reader pays for requests and transfer.
    pub requester_pays: bool,
    /// Taken on before anything else is called.
    pub assume_role: Option<AssumeRole>,
    /// Instead of what the default chain finds.
    pub credentials: Option<Credentials>,
}

/// A role to take on.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AssumeRole {
    /// `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`.
    pub arn: String,
    /// What the role's trust policy asks for under `sts:ExternalId`.
    pub external_id: Option<String>,
}

/// A way to AWS: settings resolved, runtime started. Clones share both.
#[derive(Clone, Debug)]
pub struct Aws {
    runtime: Arc<Runtime>,
    config: SdkConfig,
    settings: Settings,
}

impl Aws {
    /// Reads environment and files; asks for credentials only when a role is to be taken on.
    pub fn connect(settings: &Settings) -> Result<Self, AwsError> {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            // Ciphers and headers take a small part of what inflating and parsing take.
            .worker_threads((cores / 4).max(2))
            .thread_name("leastwise-aws")
            .enable_all()
            .build()
            .map_err(|error| AwsError::local("cannot start the network's threads", &error))?;
        let config = runtime.block_on(load(settings))?;
        let aws = Self { runtime: Arc::new(runtime), config, settings: settings.clone() };
        match &settings.assume_role {
            Some(role) => aws.assume(role),
            None => Ok(aws),
        }
    }

    /// The same way as another role; fails when the role cannot be taken on.
    pub fn assume(&self, role: &AssumeRole) -> Result<Self, AwsError> {
        let config = self.runtime.block_on(self.assumed(role))?;
        Ok(Self { runtime: Arc::clone(&self.runtime), config, settings: self.settings.clone() })
    }

    async fn assumed(&self, role: &AssumeRole) -> Result<SdkConfig, AwsError> {
        let request = self
            .sts()
            .assume_role()
            .role_arn(&role.arn)
            .role_session_name(SESSION_NAME)
            .set_external_id(role.external_id.clone());
        // Once by hand, for an error that says what is wrong; then by a provider that renews.
        let sent = request.send().await;
        sent.map_err(|error| AwsError::of("sts", "AssumeRole", &role.arn, &error))?;
        let mut provider =
            AssumeRoleProvider::builder(&role.arn).configure(&self.config).session_name(SESSION_NAME);
        if let Some(id) = &role.external_id {
            provider = provider.external_id(id);
        }
        let provider = SharedCredentialsProvider::new(provider.build().await);
        Ok(self.config.clone().into_builder().credentials_provider(provider).build())
    }

    /// The same way with another Region.
    pub fn in_region(&self, region: &str) -> Self {
        let config = self.config.clone().into_builder().region(Region::new(region.to_owned())).build();
        Self { runtime: Arc::clone(&self.runtime), config, settings: self.settings.clone() }
    }

    /// What clients of services are made from: `aws_sdk_iam::Client::new(aws.config())`.
    pub fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// The Region that settings, environment or files tell.
    pub fn region(&self) -> Option<&str> {
        self.config.region().map(AsRef::as_ref)
    }

    /// See [`Settings`].
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Waits for an answer. Not to be called inside of a future.
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// Where to start what is waited for elsewhere.
    pub(super) fn handle(&self) -> &tokio::runtime::Handle {
        self.runtime.handle()
    }

    /// Starts what is waited for elsewhere.
    pub(super) fn spawn<F>(&self, future: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.runtime.spawn(future)
    }

    /// A client of STS.
    pub(super) fn sts(&self) -> aws_sdk_sts::Client {
        aws_sdk_sts::Client::new(&self.config)
    }

    /// A client of CloudTrail that counts what it sends.
    pub(super) fn cloudtrail(&self, sent: &Sent) -> aws_sdk_cloudtrail::Client {
        let config = aws_sdk_cloudtrail::config::Builder::from(&self.config).interceptor(sent.clone());
        aws_sdk_cloudtrail::Client::from_conf(config.build())
    }

    /// A client of S3 that counts what it sends.
    pub(super) fn s3(&self, region: Option<&str>, sent: &Sent) -> aws_sdk_s3::Client {
        use aws_sdk_s3::config::retry::{RetryPartition, TokenBucket};
        // Reading millions of objects must not end because many of the last thousand were throttled: the number of requests in
        // flight is what gives way.
        let partition = RetryPartition::custom("leastwise-s3").token_bucket(TokenBucket::unlimited()).build();
        let mut config = aws_sdk_s3::config::Builder::from(&self.config)
            .force_path_style(self.settings.path_style)
            .retry_partition(partition)
            .interceptor(sent.clone());
        if let Some(region) = region {
            config.set_region(Some(Region::new(region.to_owned())));
        }
        aws_sdk_s3::Client::from_conf(config.build())
    }
}

async fn load(settings: &Settings) -> Result<SdkConfig, AwsError> {
    let retries = RetryConfig::standard()
        .with_max_attempts(ATTEMPTS)
        .with_initial_backoff(FIRST_BACKOFF)
        .with_max_backoff(LONGEST_BACKOFF);
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(READ).build();
    let http_client = http_client()?;
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client.clone())
        .retry_config(retries)
        .timeout_config(timeouts);
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(url) = &settings.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let config = loader.load().await;
    let provider = match (&settings.credentials, &settings.profile) {
        (Some(credentials), _) => SharedCredentialsProvider::new(credentials.clone()),
        // A profile that is named wins over keys that happen to be in the environment, as in the AWS CLI.
        (None, Some(profile)) => {
            let here = ProviderConfig::without_region()
                .with_region(config.region().cloned())
                .with_http_client(http_client);
            let profile =
                ProfileFileCredentialsProvider::builder().configure(&here).profile_name(profile).build();
            SharedCredentialsProvider::new(profile)
        }
        (None, None) => return Ok(config),
    };
    Ok(config.into_builder().credentials_provider(provider).build())
}

/// HTTPS with the system's roots, those of `AWS_CA_BUNDLE` instead where it is set, through the environment's proxy.
fn http_client() -> Result<aws_sdk_s3::config::SharedHttpClient, AwsError> {
    let mut roots = TrustStore::default();
    if let Some(path) = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) {
        let what = format!("cannot read `{}`, which AWS_CA_BUNDLE names", path.to_string_lossy());
        let pem = std::fs::read(path).map_err(|error| AwsError::local(&what, &error))?;
        roots = TrustStore::empty().with_pem_certificate(pem);
    }
    let context = TlsContext::builder()
        .with_trust_store(roots)
        .build()
        .map_err(|error| AwsError::local("cannot set up TLS", &error))?;
    Ok(Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(context.clone())
            .proxy_config(ProxyConfig::from_env())
            .enable_tcp_nodelay(true);
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        connector.build()
    }))
}
