//! A flood of keys of one stripe, as one would send who knew the secret: what the table takes for
//! them is in proportion to the items, and goes back with them.

use crate::client::Client;
use crate::random::Random;
use crate::server::{Server, stat};
use crate::value::{flags_of, record, start_of};
use crate::{aim, crowd};

/// Keys of one stripe.
const FLOOD: usize = 6000;
/// Stripes that are flooded one after the other.
const STRIPES: usize = 5;
/// What the table and its surroundings may take for an item.
const BYTES_PER_ITEM_MAX: u64 = 200;
/// Memory comes by 2 MiB (huge pages), for items and for the table.
const STEPS_KIB: u64 = 4 << 10;

#[test]
fn a_flood_of_keys_of_one_stripe_takes_memory_in_proportion_to_the_items() {
    let stripes = aim::stripes(STRIPES, FLOOD);
    let server = Server::start("-t 1 -m 64 -o hashpower=13");
    crowd::meet(&server, &stripes);
    let mut client = server.client();
    let before = server.memory();
    let mut highest = Vec::new();
    for keys in &stripes {
        fill(&mut client, keys);
        assert_eq!(stat(&mut client, "curr_items"), FLOOD as u64);
        let (items_kib, now) = (stat(&mut client, "bytes") >> 10, server.memory());
        let grown_kib = now.all_kib.saturating_sub(before.all_kib);
        let allowed_kib = items_kib + FLOOD as u64 * BYTES_PER_ITEM_MAX / 1024 + STEPS_KIB;
        let table_kib = stat(&mut client, "hash_bytes") >> 10;
        println!("{items_kib} KiB of items: memory grew by {grown_kib} KiB, table {table_kib} KiB");
        assert!(grown_kib <= allowed_kib, "{before:?} grew to {now:?}");
        highest.push(now.all_kib);
        empty(&mut client, keys);
        let left_kib = stat(&mut client, "hash_bytes") >> 10;
        assert!(
            left_kib * 2 < table_kib,
            "{left_kib} KiB are left of the table"
        );
    }
    // The last one needs no more than the first: what those before had has gone back.
    let grown_kib = highest[STRIPES - 1].saturating_sub(highest[0]);
    assert!(
        grown_kib <= STEPS_KIB,
        "memory of the floods: {highest:?} KiB"
    );
    server.verify(&mut client);
    server.stop(client);
}

fn fill(client: &mut Client, keys: &[String]) {
    let mut random = Random::new(1);
    let mut bytes = Vec::new();
    for key in keys {
        let value = if key.starts_with('n') {
            start_of(key).to_string().into_bytes()
        } else {
            record(key, 1, &mut random)
        };
        let line = format!("set {key} {} 0 {} noreply\r\n", flags_of(key), value.len());
        bytes.extend([line.as_bytes(), &value, b"\r\n"].concat());
    }
    client.send(&bytes);
    assert_eq!(client.ask("mn"), "MN");
}

fn empty(client: &mut Client, keys: &[String]) {
    let lines = keys.iter().map(|key| format!("delete {key} noreply\r\n"));
    client.send(lines.collect::<String>().as_bytes());
    assert_eq!(client.ask("mn"), "MN");
}
