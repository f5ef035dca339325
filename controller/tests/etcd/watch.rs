//! The watch has no gap, whatever breaks.

use controller::state::etcd::Connection;
use controller::state::etcd::watch::{Change, News, follow};
use controller::state::{Record, StateStore, Transaction, Write};
use etcd_client::Client;
use tokio::sync::mpsc;

use crate::proxy::Proxy;
use crate::server::Etcd;
use crate::{connect, with_store, within};

/// Writes a key and returns when it is durable.
async fn put(connection: &Connection, key: &str) {
    let put = Transaction {
        compares: vec![],
        writes: vec![Write::Put(key.into(), key.into())],
    };
    with_store(connection, move |store| store.commit(&[put]).unwrap()).await;
}

/// What a follower knows after some news.
#[derive(Default)]
struct Known {
    keys: Vec<Vec<u8>>,
    listings: usize,
}

impl Known {
    fn hear(&mut self, news: News) {
        match news {
            News::All { records, .. } => {
                self.listings += 1;
                self.keys = records.into_iter().map(|(key, _): Record| key).collect();
            }
            News::Changes { changes, .. } => {
                for change in changes {
                    match change {
                        Change::Put(key, value) => {
                            assert_eq!(key, value);
                            self.keys.push(key);
                        }
                        Change::Deleted(key) => self.keys.retain(|known| *known != key),
                    }
                }
            }
        }
    }

    async fn until(&mut self, news: &mut mpsc::Receiver<News>, key: &str) {
        while !self.keys.iter().any(|known| known == key.as_bytes()) {
            self.hear(within(key, news.recv()).await.unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_come_in_order_through_broken_connections_and_compaction() {
    let etcd = Etcd::start();
    let direct = connect(&etcd.address("a")).await;
    let proxy = Proxy::before(etcd.port(0)).await;
    put(&direct, "w/0").await;
    let (sender, mut news) = mpsc::channel(4);
    let through = connect(&proxy.address("a")).await;
    let following = tokio::spawn(follow(through, b"w/".to_vec(), sender));
    let mut known = Known::default();
    known.until(&mut news, "w/0").await;
    put(&direct, "w/1").await;
    known.until(&mut news, "w/1").await;

    proxy.set_up(false);
    put(&direct, "w/2").await;
    put(&direct, "w/3").await;
    proxy.set_up(true);
    known.until(&mut news, "w/3").await;
    let order = ["w/0", "w/1", "w/2", "w/3"].map(|key| key.as_bytes().to_vec());
    assert_eq!((known.keys.clone(), known.listings), (order.to_vec(), 1));

    proxy.set_up(false);
    put(&direct, "w/4").await;
    put(&direct, "w/5").await;
    compact(&etcd).await;
    proxy.set_up(true);
    known.until(&mut news, "w/5").await;
    assert_eq!((known.keys.len(), known.listings), (6, 2));
    drop(news);
    within("the end", following).await.unwrap();
}

/// Makes etcd forget all but the present.
async fn compact(etcd: &Etcd) {
    let member = format!("127.0.0.1:{}", etcd.port(0));
    let mut client = Client::connect([member], None).await.unwrap();
    let read = client.get("any", None).await.unwrap();
    let revision = read.header().unwrap().revision();
    client.compact(revision, None).await.unwrap();
}
