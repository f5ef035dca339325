//! A cluster whose objects are in S3 gives the same bytes as one machine, while the server refuses
//! requests, breaks reads off, and ignores conditions.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use anyhow::{Context, Result, ensure};
use integration_tests::cluster::{Cluster, WorkerOptions, run_alone};
use integration_tests::compare::Outputs;
use integration_tests::fixtures;
use integration_tests::process::run_well;
use object_store::testing::{ACCESS_KEY, Faults, SECRET_KEY, Server};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const BUCKET: &str = "spindle";

/// What one machine gives.
static ALONE: LazyLock<Outputs> = LazyLock::new(|| {
    let folder = TempDir::with_prefix("spindle-alone-").expect("a temporary folder");
    run_alone(folder.path(), "2").expect("the genome runs on one machine")
});

/// A server of S3 with the bundled data in its bucket.
struct Storage {
    server: Server,
    folder: TempDir,
    _runtime: Runtime,
}

impl Storage {
    fn start(honours_conditions: bool) -> Result<Self> {
        let folder = TempDir::with_prefix("spindle-s3-")?;
        std::fs::create_dir(folder.path().join(BUCKET))?;
        fixtures::copy_data(&folder.path().join(BUCKET))?;
        let runtime = Runtime::new()?;
        let server = runtime.block_on(Server::start_with(folder.path(), honours_conditions));
        Ok(Self {
            server,
            folder,
            _runtime: runtime,
        })
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        fixtures::s3_environment(self.server.url()).into()
    }

    fn cluster(&self) -> Result<Cluster> {
        let objects = format!("s3://{BUCKET}/objects");
        let mut cluster = Cluster::start_in_s3(&objects, self.environment())?;
        for _ in 0..2 {
            cluster.start_worker(&WorkerOptions {
                no_roots: true,
                ..WorkerOptions::default()
            })?;
        }
        Ok(cluster)
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.path().join(BUCKET).join(key)
    }
}

/// Returns the names in a folder, without those of the server's own notes.
fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

#[test]
fn inputs_objects_and_outputs_in_s3_give_the_same_bytes_while_requests_fail() -> Result<()> {
    let storage = Storage::start(true)?;
    let cluster = storage.cluster()?;
    storage.server.misbehave(Faults {
        refused_every: 11,
        cut_every: 7,
        ..Faults::default()
    });
    let flags = fixtures::two_lanes(&format!("s3://{BUCKET}/data"));
    let out = format!("s3://{BUCKET}/out/genome");
    let workflow = cluster.submit_to(&flags, &out)?;
    cluster.wait(&workflow)?;
    let published = storage.path("out/genome");
    Outputs::read(&published)?.ensure_same(&ALONE)?;
    ensure!(names(&published)?.contains(&"NA12878.manifest.json".to_owned()));
    ensure!(storage.path("data/reference.fa.gz.spindle").exists());

    let refused = cluster.submit_to(&flags, &out).err();
    let refused = refused.context("outputs were replaced")?;
    ensure!(format!("{refused:#}").contains("exists"), "{refused:#}");
    let private = format!("s3://{BUCKET}/objects/work/x");
    let refused = cluster.submit_to(&flags, &private).err();
    let refused = refused.context("the server's own objects were used")?;
    ensure!(
        format!("{refused:#}").contains("own objects"),
        "{refused:#}"
    );
    Ok(())
}

#[test]
fn a_kept_reference_gives_the_same_bytes_on_a_server_that_ignores_conditions() -> Result<()> {
    let storage = Storage::start(false)?;
    let mut cluster = storage.cluster()?;
    let said = cluster.controller().transcript();
    ensure!(said.contains("ignores conditional writes"), "{said}");
    let server = cluster.server();
    let file = |name: &str| cluster.path("data").join(name).display().to_string();
    let (fasta, sites) = (file("reference.fa.gz"), file("known_sites.vcf.gz"));
    let reference = |arguments: &[&str]| {
        let head = ["reference", arguments[0], "--server", &server];
        run_well(&[&head, &arguments[1..]].concat())
    };
    reference(&["add", "human", &fasta, "--known-sites", &sites])?;
    let shown: Value = serde_json::from_str(&reference(&["show", "human", "--json"])?)?;
    ensure!(
        shown["files"].as_array().map(Vec::len) == Some(4),
        "{shown}"
    );
    ensure!(reference(&["list"])?.starts_with("human/"));

    let mut flags = fixtures::two_lanes(&cluster.path("data").display().to_string());
    let at = |flags: &[String], flag: &str| flags.iter().position(|text| text == flag);
    let place = at(&flags, "--reference").context("a reference is given")?;
    flags[place + 1] = "human".to_owned();
    let place = at(&flags, "--known-sites").context("known sites are given")?;
    flags.drain(place..place + 2);
    let out = cluster.path("downloaded").display().to_string();
    let mut arguments = vec!["submit", "--wait", "--server", &server, "--out", &out];
    arguments.extend(fixtures::borrowed(&flags));
    run_well(&arguments)?;
    Outputs::read(Path::new(&out))?.ensure_same(&ALONE)?;

    let version = shown["version"].as_str().context("a version")?;
    let copy = format!("reference~human~{version}~reference.fa.gz.spindle");
    ensure!(names(&cluster.path("scratch-0/cache"))?.contains(&copy));
    reference(&["remove", "human"])?;
    ensure!(reference(&["show", "human"]).is_err());
    Ok(())
}

#[test]
fn a_login_that_comes_with_a_genome_opens_its_places_and_is_kept_sealed() -> Result<()> {
    let storage = Storage::start(true)?;
    let mut strangers = storage.environment();
    strangers.retain(|(name, _)| !name.contains("KEY"));
    strangers.push(("AWS_ACCESS_KEY_ID", "nobody".to_owned()));
    strangers.push(("AWS_SECRET_ACCESS_KEY", "nothing".to_owned()));
    let mut cluster = Cluster::start_with_environment("4s", strangers)?;
    cluster.start_workers(2)?;
    let flags = fixtures::two_lanes(&format!("s3://{BUCKET}/data"));
    let out = format!("s3://{BUCKET}/out/genome");
    let refused = cluster.submit_to(&flags, &out).err();
    refused.context("strangers got in")?;

    let file = cluster.path("login.yaml");
    let login = format!("access_key_id: {ACCESS_KEY}\nsecret_access_key: {SECRET_KEY}\n");
    std::fs::write(&file, login)?;
    let with_login = ["--s3-login".to_owned(), file.display().to_string()];
    let workflow = cluster.submit_to(&[flags, with_login.to_vec()].concat(), &out)?;
    cluster.wait(&workflow)?;
    Outputs::read(&storage.path("out/genome"))?.ensure_same(&ALONE)?;

    let said = cluster.controller().transcript() + &cluster.worker(0).transcript();
    ensure!(!said.contains(SECRET_KEY), "{said}");
    cluster.controller().kill_hard()?;
    let state = cluster.path("state");
    let dumped = run_well(&["state", "dump", "--state", &state.display().to_string()])?;
    ensure!(
        dumped.contains(&workflow) && !dumped.contains(SECRET_KEY),
        "{dumped}"
    );
    let stored = std::fs::read(state.join("state.redb"))?;
    let holds = |word: &str| {
        stored
            .windows(word.len())
            .any(|bytes| bytes == word.as_bytes())
    };
    ensure!(holds(&workflow) && !holds(SECRET_KEY));
    Ok(())
}
