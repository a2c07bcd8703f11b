//! The loads that servers are compared by.

use crate::results::Kind;
use memcached::wire::client::ClientProtocol;

/// What requests do.
#[derive(Clone, Copy)]
pub enum Op {
    /// They get keys that are there.
    Get,
    /// They store.
    Set,
}

impl Op {
    /// What its requests are.
    pub fn kind(self) -> Kind {
        match self {
            Op::Get => Kind::Get,
            Op::Set => Kind::Set,
        }
    }
}

/// A load: keys of 14 bytes, each as often as any other.
pub struct Workload {
    /// What it is called.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// What requests do.
    pub op: Op,
    /// How they are written.
    pub protocol: ClientProtocol,
    /// Connections.
    pub connections: u64,
    /// Requests in flight on each.
    pub pipeline: u64,
    /// Keys of a get.
    pub keys_per_get: u64,
    /// How many keys there are; all are stored.
    pub keys: u64,
    /// Bytes of each value.
    pub value_len: u32,
}

/// `get1` and `set1` are what most clients do; the others say what it costs beside the kernel.
pub const WORKLOADS: &[Workload] = &[
    workload("get1", "get, one in flight per connection", Op::Get),
    workload("getpipe", "get, 32 in flight", Op::Get).pipelined(32),
    workload("mgpipe", "mg, 32 in flight", Op::Get)
        .pipelined(32)
        .meta(),
    Workload {
        keys_per_get: 50,
        connections: 20,
        ..workload("mget50", "get of 50 keys, 20 connections", Op::Get)
    },
    workload("set1", "set, one in flight per connection", Op::Set),
    workload("setpipe", "set, 32 in flight", Op::Set).pipelined(32),
    workload("mspipe", "ms, 32 in flight", Op::Set)
        .pipelined(32)
        .meta(),
    workload(
        "get4k",
        "get of 4096 bytes, 8 in flight, 20 connections",
        Op::Get,
    )
    .pipelined(8)
    .large(),
    workload(
        "set4k",
        "set of 4096 bytes, 8 in flight, 20 connections",
        Op::Set,
    )
    .pipelined(8)
    .large(),
    workload(
        "get100k",
        "get of 32 bytes from 100,000 items, 32 in flight",
        Op::Get,
    )
    .pipelined(32)
    .small(SMALL.0),
    workload(
        "get8m",
        "get of 32 bytes from 8 million items, 32 in flight",
        Op::Get,
    )
    .pipelined(32)
    .small(SMALL.1),
];

/// How many items `get100k` and `get8m` have: the same load where caches hold all and where
/// they hold nearly nothing.
const SMALL: (u64, u64) = (100_000, 8_000_000);

/// The two workloads that differ only in the number of items.
pub const FEW_AND_MANY: (&str, &str) = ("get100k", "get8m");

/// 50 connections, 100,000 keys, values of 100 bytes.
const fn workload(name: &'static str, about: &'static str, op: Op) -> Workload {
    Workload {
        name,
        about,
        op,
        protocol: ClientProtocol::Text,
        connections: 50,
        pipeline: 1,
        keys_per_get: 1,
        keys: 100_000,
        value_len: 100,
    }
}

impl Workload {
    const fn pipelined(mut self, pipeline: u64) -> Workload {
        self.pipeline = pipeline;
        self
    }

    const fn meta(mut self) -> Workload {
        self.protocol = ClientProtocol::Meta;
        self
    }

    const fn large(mut self) -> Workload {
        (self.keys, self.value_len, self.connections) = (20_000, 4096, 20);
        self
    }

    const fn small(mut self, keys: u64) -> Workload {
        (self.keys, self.value_len) = (keys, 32);
        self
    }
}
