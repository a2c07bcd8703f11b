//! The connections of a worker, by token.
//!
//! All of this runs on the worker's own thread, and it holds no lock.

#![forbid(unsafe_code)]

use super::connection::Connection;

/// Slots for connections. A token names a slot and its generation, that is how often it has been
/// emptied: what comes for a connection that is gone does not reach its successor.
///
/// Slots come in blocks that never move: a list that grows by copying has space for as many
/// again, and leaves its old memory behind.
#[derive(Default)]
pub struct ConnTable<'s> {
    blocks: Vec<Box<[ConnSlot<'s>]>>,
    free: Vec<u32>,
}

/// Slots in a block.
const BLOCK_LEN: usize = 64;

#[repr(align(64))] // of its own cache lines, and those are few
struct ConnSlot<'s> {
    generation: u32,
    client: Option<Connection<'s>>,
}

impl<'s> ConnTable<'s> {
    /// Puts a connection into an empty slot; its token.
    pub fn insert(&mut self, client: Connection<'s>) -> u64 {
        if self.free.is_empty() {
            self.add_block();
        }
        let index = self.free.pop().expect("a block has slots");
        let slot = &mut self.blocks[index as usize / BLOCK_LEN][index as usize % BLOCK_LEN];
        slot.client = Some(client);
        u64::from(slot.generation) << 32 | u64::from(index)
    }

    fn add_block(&mut self) {
        let first = self.blocks.len() * BLOCK_LEN;
        let empty = || ConnSlot {
            generation: 0,
            client: None,
        };
        let block = std::iter::repeat_with(empty).take(BLOCK_LEN);
        self.blocks.push(block.collect());
        self.free
            .extend((first..first + BLOCK_LEN).rev().map(|index| index as u32));
    }

    /// All of them, with their tokens.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Connection<'s>)> {
        let numbered = self.blocks.iter().flatten().enumerate();
        numbered.filter_map(|(index, slot)| {
            let token = u64::from(slot.generation) << 32 | index as u64;
            Some((token, slot.client.as_ref()?))
        })
    }

    /// The slot that a token names, as long as its connection is there.
    #[inline]
    fn slot(&mut self, token: u64) -> Option<&mut ConnSlot<'s>> {
        let index = token as u32 as usize;
        let block = self.blocks.get_mut(index / BLOCK_LEN)?;
        let slot = &mut block[index % BLOCK_LEN];
        (slot.generation == (token >> 32) as u32).then_some(slot)
    }

    /// The connection that a token names.
    #[inline]
    pub fn get(&mut self, token: u64) -> Option<&mut Connection<'s>> {
        self.slot(token)?.client.as_mut()
    }

    /// Takes a connection out; none if it is gone already.
    pub fn take(&mut self, token: u64) -> Option<Connection<'s>> {
        let slot = self.slot(token)?;
        let client = slot.client.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(token as u32);
        Some(client)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Session;
    use crate::net::stream::Stream;
    use crate::server::conns::{Conns, SocketKind};
    use crate::settings::{Protocol, Settings};
    use crate::sys::socket::Address;

    #[test]
    fn a_token_does_not_name_who_comes_after() {
        let (conns, settings) = (Conns::new(0), Settings::default());
        let connection = || {
            let file = std::fs::File::open("/dev/null").unwrap();
            let entry = conns.open(-1, SocketKind::Client, Address::Unnamed, 0);
            let session = Session::new(&settings, Protocol::Auto);
            Connection::new(Stream::Plain(file.into()), entry, session, 0)
        };
        let mut table = ConnTable::default();
        let tokens: Vec<_> = (0..=BLOCK_LEN)
            .map(|_| table.insert(connection()))
            .collect();
        assert!(
            table
                .iter()
                .map(|(token, _)| token)
                .eq(tokens.iter().copied())
        );
        let gone = tokens[7];
        assert!(table.take(gone).is_some() && table.take(gone).is_none());
        let next = table.insert(connection());
        assert_eq!(next as u32, gone as u32, "the slot that was left last");
        assert!(table.get(next).is_some() && table.get(gone).is_none());
        assert!(table.get(u64::MAX).is_none());
    }

    #[test]
    fn an_idle_client_takes_two_cache_lines() {
        assert_eq!(size_of::<ConnSlot<'_>>(), 128);
    }
}
