//! The overflow nodes of the table: where chains go on.

use super::super::space::{Plain, Space};
use super::word::{Cell, NodeId};
use crate::sys::sync::Mutex;
use std::io::Result;

/// Words of an overflow node.
pub(super) const NODE_WORDS: usize = if cfg!(loom) { 2 } else { 4 };
/// Nodes are committed so many at a time: a mebibyte of them.
const STEP: usize = (1 << 20) / size_of::<Node>();

/// Where a chain goes on.
#[derive(Default)]
#[cfg_attr(not(loom), repr(align(32)))]
pub(super) struct Node(pub(super) [Cell; NODE_WORDS]);

#[cfg(not(loom))]
const _: () = assert!(size_of::<Node>() == 32);

// SAFETY: an array of atomics, without padding; zero is a value.
unsafe impl Plain for Node {
    #[cfg(loom)]
    fn clear(&self) {
        super::word::clear(&self.0);
    }
}

/// All nodes. Those in chains belong to the stripes of those; the others are listed here, and their
/// cells are empty.
///
/// Memory of nodes stays committed, so one that has been taken out of its chain can be looked at
/// all the same.
pub(super) struct OverflowNodes {
    space: Space<Node>,
    /// Innermost of all locks.
    pool: Mutex<Pool>,
}

#[derive(Default)]
struct Pool {
    free: Vec<NodeId>,
    /// Nodes that were ever handed out.
    used: u32,
}

impl OverflowNodes {
    pub(super) fn new() -> Result<OverflowNodes> {
        Ok(OverflowNodes {
            space: Space::new(STEP)?,
            pool: Mutex::default(),
        })
    }

    /// The node of that number, if there is memory of it: there is for all that were handed out.
    #[inline]
    pub(super) fn get(&self, node: NodeId) -> Option<&Node> {
        self.space.get(node.index())
    }

    /// A node that is in no chain. `None`: there is no memory.
    pub(super) fn take(&self) -> Option<NodeId> {
        let mut pool = self.pool.lock().unwrap();
        if let Some(node) = pool.free.pop() {
            return Some(node);
        }
        let index = pool.used as usize;
        let is_committed = index < self.space.len();
        if !is_committed
            && self
                .space
                .commit(index + if cfg!(loom) { 1 } else { STEP })
                .is_err()
        {
            return None;
        }
        let used = pool.used.checked_add(1)?;
        pool.used = used;
        Some(NodeId::at(used - 1))
    }

    /// Takes a node back that has been taken out of its chain; its cells are empty. When it was the
    /// last one in use the memory of all goes back to the system.
    pub(super) fn give(&self, node: NodeId) {
        let mut pool = self.pool.lock().unwrap();
        pool.free.push(node);
        if pool.used as usize > STEP && pool.free.len() == pool.used as usize {
            self.space.give_back(0, pool.used as usize);
            *pool = Pool::default();
        }
    }

    /// Bytes that nodes take: of all that were handed out since all were given back.
    pub(super) fn bytes(&self) -> u64 {
        let pool = self.pool.lock().unwrap();
        let listed = pool.free.capacity() * size_of::<NodeId>();
        u64::from(pool.used) * size_of::<Node>() as u64 + listed as u64
    }

    /// Whether all that were handed out have come back.
    #[cfg(all(test, not(loom)))]
    pub(super) fn are_all_free(&self) -> bool {
        let pool = self.pool.lock().unwrap();
        pool.free.len() == pool.used as usize
    }
}
