//! The store keeps what every store keeps, also while answers get lost and members die.

use common::ids::Epoch;
use controller::state::{
    Compare, Outcome, StateStore, StoreError, Transaction, Write, conformance,
};

use crate::proxy::Proxy;
use crate::server::Etcd;
use crate::{connect, with_store};

fn create(key: &str, value: Vec<u8>) -> Transaction {
    Transaction {
        compares: vec![Compare::Absent(key.into())],
        writes: vec![Write::Put(key.into(), value)],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn etcd_conforms() {
    let etcd = Etcd::start();
    let connection = connect(&etcd.address("a")).await;
    with_store(&connection, |store| conformance::check(store).unwrap()).await;
    with_store(&connection, many_transactions_are_one_call).await;
    with_store(&connection, what_is_too_large_is_refused).await;
    with_store(&connection, nobody_leads).await;
    // Another prefix is another state.
    let other = connect(&etcd.address("b")).await;
    let found = with_store(&other, |store| store.range(b"a", b"z", 9).unwrap()).await;
    assert_eq!(found.len(), 1, "the schema version only");
}

fn many_transactions_are_one_call(store: &mut controller::state::etcd::EtcdStore) {
    let mut all: Vec<_> = (0..300)
        .map(|i| create(&format!("m/{i}"), vec![0; 10_000]))
        .collect();
    all.push(create("m/7", vec![]));
    let outcomes = store.commit(&all).unwrap();
    let (last, first) = outcomes.split_last().unwrap();
    assert!(first.iter().all(|outcome| *outcome == Outcome::Committed));
    assert_eq!(*last, Outcome::Refused(0));
    assert_eq!(store.range(b"m/", b"m0", 1000).unwrap().len(), 300);
    // One that is refused does not hinder its neighbours.
    let mixed = [
        create("n/1", vec![]),
        create("m/7", vec![]),
        create("n/2", vec![]),
    ];
    let outcomes = store.commit(&mixed).unwrap();
    let committed = Outcome::Committed;
    assert_eq!(outcomes, [committed, Outcome::Refused(0), committed]);
}

fn what_is_too_large_is_refused(store: &mut controller::state::etcd::EtcdStore) {
    let large = [create("l/1", vec![]), create("l/2", vec![0; 2 << 20])];
    let refused = store.commit(&large);
    assert!(
        matches!(refused, Err(StoreError::TooLarge { .. })),
        "{refused:?}"
    );
    assert_eq!(store.get(b"l/1").unwrap(), None);
}

fn nobody_leads(store: &mut controller::state::etcd::EtcdStore) {
    let mut fenced = create("f/1", vec![]);
    fenced.compares.insert(0, Compare::Leads(Epoch(7)));
    assert_eq!(store.commit(&[fenced]).unwrap(), [Outcome::Refused(0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_no_lost_write_and_no_second_one() {
    let etcd = Etcd::start();
    let proxy = Proxy::before(etcd.port(0)).await;
    let connection = connect(&proxy.address("a")).await;
    with_store(&connection, |_| ()).await;
    proxy.lose_next_answer();
    let three = vec![
        create("k/1", b"1".to_vec()),
        create("k/2", vec![]),
        create("k/3", vec![]),
    ];
    let outcomes = with_store_open(&connection, three).await;
    assert!(proxy.has_lost_it());
    assert_eq!(outcomes, [Outcome::Committed; 3]);
    // The value of another one is refused, whatever got lost.
    proxy.lose_next_answer();
    let outcomes = with_store_open(&connection, vec![create("k/1", b"2".to_vec())]).await;
    assert_eq!(outcomes, [Outcome::Refused(0)]);
}

async fn with_store_open(
    connection: &controller::state::etcd::Connection,
    transactions: Vec<Transaction>,
) -> Vec<Outcome> {
    with_store(connection, move |store| {
        store.commit(&transactions).unwrap()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_of_three_may_die() {
    let mut etcd = Etcd::cluster(3);
    let connection = connect(&etcd.address("a")).await;
    for member in 0..3 {
        let key = format!("k/{member}");
        let made = vec![create(&key, vec![])];
        assert_eq!(
            with_store_open(&connection, made).await,
            [Outcome::Committed]
        );
        if member == 0 {
            etcd.kill(0);
        }
    }
    let all = with_store(&connection, |store| store.range(b"k/", b"k0", 9).unwrap()).await;
    assert_eq!(all.len(), 3);
}
