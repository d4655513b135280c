//! The cast: accounts, clusters, roles with their policies and trust, and the names of what they work on.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::random::Rng;

/// An IAM role and what is known about it beforehand.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) in_snapshot: bool,
    pub(crate) trust: Value,
    pub(crate) inline: Vec<(&'static str, Value)>,
    pub(crate) managed: Vec<String>,
    pub(crate) boundary: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) last_used: Option<i64>,
    /// Verdicts on granted actions that follow from the cast alone, whatever was drawn.
    pub(crate) verdicts: Vec<(&'static str, &'static str)>,
    /// Actions really used that no trail of the account records: never to be called unused.
    pub(crate) invisible: Vec<&'static str>,
    /// Used actions that another policy than the role's own allowed.
    pub(crate) not_by_own_policies: Vec<&'static str>,
    /// The only sensible verdict on the role, where there is just one.
    pub(crate) proposal: Option<&'static str>,
}

/// A customer managed or AWS managed policy.
#[derive(Clone, Debug)]
pub(crate) struct Managed {
    pub(crate) account: usize,
    pub(crate) arn: String,
    pub(crate) document: Value,
}

/// One EKS cluster.
#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) account: String,
    pub(crate) region: String,
    /// Host and path, without `https://`.
    pub(crate) issuer: String,
}

impl Cluster {
    pub(crate) fn provider(&self) -> String {
        format!("arn:aws:iam::{}:oidc-provider/{}", self.account, self.issuer)
    }
}

/// Everyone and everything the play knows by name.
#[derive(Clone, Debug)]
pub(crate) struct Cast {
    pub(crate) organization: String,
    /// The application account, whose trail records data events of S3 and Lambda, and the data account, whose trail does not.
    pub(crate) accounts: [String; 2],
    pub(crate) regions: [String; 2],
    pub(crate) clusters: [Cluster; 2],
    /// Astronomer's own cluster: known by its issuer only; its provider lives in the data account.
    pub(crate) astro: Cluster,
    pub(crate) astro_namespace: String,
    pub(crate) brand: &'static str,
    pub(crate) roles: BTreeMap<&'static str, Role>,
    pub(crate) managed: Vec<Managed>,
    pub(crate) user_id: String,
    pub(crate) user_key: String,
    pub(crate) key_id: String,
    pub(crate) owner_id: String,
    pub(crate) repository_id: String,
    pub(crate) google_subject: String,
    pub(crate) okta_client: String,
    suffix: String,
}

const BRANDS: &[&str] = &["northwind", "kestrel", "lumen", "tidepool", "harbor"];
const REGIONS: &[[&str; 2]] =
    &[["eu-west-1", "eu-central-1"], ["us-west-2", "ca-central-1"], ["ap-southeast-2", "ap-northeast-1"]];

impl Cast {
    pub(crate) fn new(seed: u64) -> Self {
        let rng = Rng::new(seed);
        let mut r = rng.fork("cast", 0);
        let brand = BRANDS[(seed.wrapping_sub(1) % BRANDS.len() as u64) as usize];
        let regions = REGIONS[(seed.wrapping_sub(1) % REGIONS.len() as u64) as usize].map(str::to_owned);
        let accounts = [format!("2109{}", r.digits(8)), format!("5406{}", r.digits(8))];
        let cluster = |r: &mut Rng, name: String, account: &str, region: &str| Cluster {
            arn: format!("arn:aws:eks:{region}:{account}:cluster/{name}"),
            issuer: format!("oidc.eks.{region}.amazonaws.com/id/{}", r.text(b"0123456789ABCDEF", 32)),
            account: account.to_owned(),
            region: region.to_owned(),
            name,
        };
        let clusters = [
            cluster(&mut r, format!("{brand}-apps"), &accounts[0], &regions[0]),
            cluster(&mut r, format!("{brand}-data"), &accounts[1], &regions[1]),
        ];
        let astro = cluster(&mut r, "hosted-by-astronomer".to_owned(), &accounts[1], "us-east-2");
        let mut cast = Self {
            organization: format!("o-{}", r.text(b"abcdefghijklmnopqrstuvwxyz0123456789", 10)),
            astro_namespace: format!("{}-{}", r.word(&["orion", "vega", "altair", "deneb"]), r.digits(4)),
            accounts,
            regions,
            clusters,
            astro,
            brand,
            roles: BTreeMap::new(),
            managed: Vec::new(),
            user_id: r.aws_id("AIDA"),
            user_key: r.aws_id("AKIA"),
            key_id: r.uuid(),
            owner_id: r.digits(7),
            repository_id: r.digits(9),
            google_subject: format!("1{}", r.digits(20)),
            okta_client: format!("0oa{}", r.text(b"abcdefghijklmnopqrstuvwxyz0123456789", 17)),
            suffix: r.hex(6),
        };
        cast.hire(&mut r);
        cast
    }

    pub(crate) fn role(&self, name: &str) -> &Role {
        &self.roles[name]
    }

    pub(crate) fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values()
    }

    pub(crate) fn bucket(&self, name: &str) -> String {
        format!("{}-{name}-{}", self.brand, self.suffix)
    }

    /// The KMS key of an account.
    pub(crate) fn kms_key(&self, account: usize) -> String {
        format!("arn:aws:kms:{}:{}:key/{}", self.regions[account], self.accounts[account], self.key_id)
    }

    /// An ARN in an account's own Region.
    pub(crate) fn arn(&self, account: usize, service: &str, rest: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{rest}", self.regions[account], self.accounts[account])
    }

    pub(crate) fn user_arn(&self) -> String {
        format!("arn:aws:iam::{}:user/{}-ci-legacy", self.accounts[0], self.brand)
    }

    pub(crate) fn person(&self, name: &str) -> String {
        format!("{name}@{}.example", self.brand)
    }

    pub(crate) fn data_events(&self) -> Value {
        json!({
            &self.accounts[0]: {"s3": true, "lambda": true, "dynamodb": false},
            &self.accounts[1]: {"s3": false, "lambda": false, "dynamodb": false},
        })
    }

    pub(crate) fn add(&mut self, r: &mut Rng, nick: &'static str, account: usize, trust: Value) -> &mut Role {
        self.add_at(r, nick, account, "/", None, trust)
    }

    pub(crate) fn add_at(
        &mut self,
        r: &mut Rng,
        nick: &'static str,
        account: usize,
        path: &str,
        name: Option<String>,
        trust: Value,
    ) -> &mut Role {
        let name = name.unwrap_or_else(|| format!("{}-{nick}", self.brand));
        let account = self.accounts[account].clone();
        let role = Role {
            arn: format!("arn:aws:iam::{account}:role{path}{name}"),
            name,
            path: path.to_owned(),
            id: r.aws_id("AROA"),
            account,
            in_snapshot: true,
            trust,
            inline: Vec::new(),
            managed: Vec::new(),
            boundary: None,
            profile: None,
            last_used: None,
            verdicts: Vec::new(),
            invisible: Vec::new(),
            not_by_own_policies: Vec::new(),
            proposal: None,
        };
        self.roles.entry(nick).or_insert(role)
    }

    pub(crate) fn add_managed(&mut self, account: usize, name: &str, document: Value) -> String {
        let arn = format!("arn:aws:iam::{}:policy/{}-{name}", self.accounts[account], self.brand);
        self.managed.push(Managed { account, arn: arn.clone(), document });
        arn
    }

    fn hire(&mut self, r: &mut Rng) {
        self.hire_shop(r);
        self.hire_pipelines(r);
        self.hire_deployers(r);
        self.hire_people(r);
        self.hire_the_rest(r);
    }

    pub(crate) fn sso_provider(&self) -> String {
        format!("AWSSSO_{}_DO_NOT_DELETE", self.suffix)
    }

    pub(crate) fn okta_host(&self) -> String {
        format!("{}.okta.com", self.brand)
    }
}

/// The issuer of GitHub Actions.
pub(crate) const GITHUB: &str = "token.actions.githubusercontent.com";

pub(crate) fn bucket_arn(bucket: &str) -> String {
    format!("arn:aws:s3:::{bucket}")
}
