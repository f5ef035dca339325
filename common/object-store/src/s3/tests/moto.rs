//! The same store over moto, an S3 server by other people: it honours conditions, keeps checksums and
//! lists uploads as AWS does.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::*;

/// A server of its own; it is killed when this is dropped.
struct Moto {
    child: Child,
    url: String,
}

impl Moto {
    /// Starts it, with an empty bucket.
    async fn start() -> Self {
        let mut command = Command::new("moto_server");
        command.args(["-H", "127.0.0.1", "-p", "0"]);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .expect("moto_server is in PATH: make test installs it");
        let told = BufReader::new(child.stderr.take().unwrap());
        let mut lines = told.lines();
        let running = |line: String| line.split("Running on ").nth(1).map(str::to_owned);
        let url = lines.by_ref().map_while(Result::ok).find_map(running);
        // What it goes on to say must not block it.
        std::thread::spawn(move || lines.for_each(drop));
        let url = url.unwrap().trim().to_owned();
        let moto = Self { child, url };
        let bucket = moto.connection().bucket(BUCKET);
        let made = bucket.client.create_bucket().bucket(BUCKET).send().await;
        made.unwrap();
        moto
    }

    fn connection(&self) -> Connection {
        connection(&self.url, SECRET_KEY, options())
    }

    async fn store(&self) -> S3 {
        let address = Address {
            bucket: BUCKET.to_owned(),
            prefix: "p".to_owned(),
        };
        let store = S3::new(&self.connection(), &address);
        store.probed().await.unwrap()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, which is as good.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[tokio::test]
async fn another_server_passes_the_conformance_suite_and_its_honesty_is_seen() {
    let moto = Moto::start().await;
    let store = moto.store().await;
    let capabilities = store.capabilities();
    assert!(capabilities.if_none_match, "{capabilities:?}");
    conformance::check(&store).await;
}

#[tokio::test]
async fn pieces_are_joined_and_dropped_uploads_given_up_on_another_server() {
    let moto = Moto::start().await;
    let store = moto.store().await;
    let large = pattern(2 * PART + 5);
    put(&store, "large", large.clone()).await.unwrap();
    let pieces = vec![
        Piece::Bytes(Bytes::from_static(b"header")),
        Piece::Copy {
            source: store.place(&key("large")),
            range: 0..large.len() as u64,
        },
    ];
    let name = store.place(&key("whole")).key;
    let size = store.bucket().compose(&name, pieces, Tags::new()).await;
    assert_eq!(size.unwrap(), large.len() as u64 + 6);
    let whole = get(&store, "whole", WHOLE).await.unwrap();
    assert!(whole[6..] == large);

    let mut writer = store.writer(&key("dropped")).await.unwrap();
    writer.write(pattern(PART + 1)).await.unwrap();
    drop(writer);
    let client = &store.bucket().client;
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let uploads = client.list_multipart_uploads().bucket(BUCKET).send().await;
        if uploads.unwrap().uploads().is_empty() {
            return;
        }
        assert!(Instant::now() < end, "an upload is left");
    }
}

#[tokio::test]
async fn an_upload_whose_process_died_is_given_up_when_it_is_old() {
    let moto = Moto::start().await;
    let store = moto.store().await;
    let mut writer = store.writer(&key("orphan")).await.unwrap();
    writer.write(pattern(PART + 1)).await.unwrap();
    // A process that dies drops nothing.
    std::mem::forget(writer);
    let client = &store.bucket().client;
    let uploads = async || {
        let listed = client.list_multipart_uploads().bucket(BUCKET).send().await;
        listed.unwrap().uploads().len()
    };
    let end = Instant::now() + Duration::from_secs(30);
    while uploads().await == 0 {
        assert!(Instant::now() < end, "no upload began");
    }
    // This server says of each that it began in 2010.
    let years = |years: u64| Duration::from_secs(years * 365 * 24 * 3600);
    assert_eq!(store.sweep(years(50)).await.unwrap(), 0);
    assert_eq!(uploads().await, 1);
    assert_eq!(store.sweep(years(1)).await.unwrap(), 1);
    assert_eq!(uploads().await, 0);
}
