//! One leads; who cannot renew its lease stops before another one begins.

use std::time::Duration;

use common::ids::Epoch;
use controller::state::etcd::Connection;
use controller::state::etcd::election::{Candidacy, Candidate};
use controller::state::{Compare, Outcome, StateStore, Transaction, Write};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::proxy::Proxy;
use crate::server::Etcd;
use crate::{connect, with_store, within};

fn stand(connection: &Connection, id: &str) -> Candidacy {
    stand_at(connection, &format!("http://{id}"), Duration::from_secs(2))
}

fn stand_at(connection: &Connection, address: &str, lease: Duration) -> Candidacy {
    let candidate = Candidate {
        id: address.to_owned(),
        address: address.to_owned(),
        lease,
    };
    Candidacy::start(connection.clone(), candidate)
}

async fn wins(epochs: &mut watch::Receiver<Option<Epoch>>) -> Epoch {
    let won = within("the election", epochs.wait_for(Option::is_some)).await;
    won.unwrap().unwrap()
}

async fn fenced_write(connection: &Connection, epoch: Epoch) -> Outcome {
    let write = Transaction {
        compares: vec![Compare::Leads(epoch)],
        writes: vec![Write::Put(b"w".to_vec(), vec![])],
    };
    with_store(connection, move |store| store.commit(&[write]).unwrap()[0]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_resigns_is_fenced_and_the_next_has_a_higher_epoch() {
    let etcd = Etcd::start();
    let connection = connect(&etcd.address("a")).await;
    let first = stand(&connection, "first");
    let epoch = wins(&mut first.epochs()).await;
    let second = stand(&connection, "second");
    assert_eq!(fenced_write(&connection, epoch).await, Outcome::Committed);
    let mut gone = first.epochs();
    first.resign();
    let next = tokio::select! {
        next = async { wins(&mut second.epochs()).await } => next,
        // It may win again, if the other one has not stood yet.
        next = async { gone.wait_for(Option::is_none).await.unwrap(); wins(&mut gone).await } => next,
    };
    assert!(next > epoch);
    assert_eq!(fenced_write(&connection, epoch).await, Outcome::Refused(0));
    assert_eq!(fenced_write(&connection, next).await, Outcome::Committed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_cut_off_stops_by_its_own_clock_before_another_begins() {
    let etcd = Etcd::start();
    let direct = connect(&etcd.address("a")).await;
    let proxy = Proxy::before(etcd.port(0)).await;
    let through = connect(&proxy.address("a")).await;
    let first = stand(&through, "first");
    let mut first_epochs = first.epochs();
    let epoch = wins(&mut first_epochs).await;
    let second = stand(&direct, "second");
    proxy.set_up(false);
    let mut second_epochs = second.epochs();
    within("the end", first_epochs.wait_for(Option::is_none))
        .await
        .unwrap();
    assert_eq!(*second_epochs.borrow(), None, "two lead at the same time");
    let next = wins(&mut second_epochs).await;
    assert!(next > epoch);
    assert_eq!(fenced_write(&direct, epoch).await, Outcome::Refused(0));
    // It comes back as one that waits.
    proxy.set_up(true);
    assert_eq!(fenced_write(&through, next).await, Outcome::Committed);
    assert_eq!(*first_epochs.borrow(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lease_of_a_leader_whose_process_is_gone_is_not_waited_for() {
    let etcd = Etcd::start();
    let connection = connect(&etcd.address("a")).await;
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", port.local_addr().unwrap());
    let first = stand_at(&connection, &address, Duration::from_secs(600));
    let epoch = wins(&mut first.epochs()).await;
    let second = stand_at(&connection, "http://second", Duration::from_secs(600));
    let (seen, _) = within("the other one's connection", port.accept())
        .await
        .unwrap();
    // All that a process holds goes with it; its lease stays.
    drop((first, seen, port));
    assert!(wins(&mut second.epochs()).await > epoch);
    assert_eq!(fenced_write(&connection, epoch).await, Outcome::Refused(0));
}
