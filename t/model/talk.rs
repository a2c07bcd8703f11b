//! Conversations with a server in this process: bytes in any pieces, no sockets.

use crate::random::Random;
use memcached::commands::{Batch, Context, Next, Output, Session};
use memcached::server::Server;
use memcached::server::caller::Caller;
use memcached::store::ThreadState;

/// One connection's side of the protocol, fed by hand.
pub struct Talk<'s> {
    server: &'s Server,
    session: Session<'s>,
    local: ThreadState,
    batch: Batch,
    out: Output<'s>,
    /// Input that has not been consumed.
    rest: Vec<u8>,
    pub replies: Vec<u8>,
    pub closed: bool,
    /// Whether replies are counted, which carries requests out one at a time.
    counts_replies: bool,
}

impl<'s> Talk<'s> {
    pub fn new(server: &'s Server, counts_replies: bool) -> Talk<'s> {
        Talk {
            server,
            session: Session::new(&server.settings, server.settings.protocol),
            local: server.add_thread(),
            batch: Batch::default(),
            out: Output::new(),
            rest: Vec::new(),
            replies: Vec::new(),
            closed: false,
            counts_replies,
        }
    }

    /// The client goes, whatever it is in the middle of, and another one comes.
    pub fn begin_anew(&mut self) {
        self.session = Session::new(&self.server.settings, self.server.settings.protocol);
        self.rest.clear();
        self.closed = false;
    }

    /// The client says that it will send no more.
    pub fn end(&mut self) {
        let cx = Context::new(self.server, &mut self.local, &mut self.batch, NOBODY, None);
        self.session.end(&cx, &mut self.out);
        self.send();
    }

    /// Gives the session `input` in pieces. Replies stay where they are, and values that
    /// they show pinned, until the session wants them sent, or `send` is called.
    pub fn feed(&mut self, input: &[u8], random: &mut Random) {
        let mut left = input;
        let most = *random.pick(&[1 << 30, 1 << 30, 1 << 16, 4000, 300, 20]);
        while !left.is_empty() && !self.closed {
            // Single bytes of long values prove nothing.
            let most = if left.len() > 10_000 {
                most.max(1 << 14)
            } else {
                most
            };
            let len = (1 + random.below(most)).min(left.len());
            let (piece, after) = left.split_at(len);
            left = after;
            let piece = &piece[self.receive(piece, random)..];
            self.rest.extend_from_slice(piece);
            self.handle(random);
        }
    }

    /// Receives into the memory of an arriving value, as a worker does with long ones.
    fn receive(&mut self, piece: &[u8], random: &mut Random) -> usize {
        if !self.rest.is_empty() || random.one_in(3) {
            return 0;
        }
        let Some(window) = self.session.window(&mut self.local, 1) else {
            return 0;
        };
        let len = window.len().min(piece.len());
        window[..len].copy_from_slice(&piece[..len]);
        self.session.received(len);
        len
    }

    fn handle(&mut self, random: &mut Random) {
        while !self.closed {
            let mut turn = 1 + random.below(40);
            let replies_max = self.counts_replies.then_some(u32::MAX);
            let mut cx = Context::new(
                self.server,
                &mut self.local,
                &mut self.batch,
                NOBODY,
                replies_max,
            );
            let handled = self
                .session
                .handle(&mut cx, &self.rest, &mut self.out, &mut turn);
            self.rest.drain(..handled.consumed);
            match handled.next {
                Next::Input => break,
                Next::Turn => {}
                Next::Flush => self.send(),
                Next::Wait => panic!("a caller that cannot wait has been told to"),
                Next::Close(_) | Next::Watch(_) => {
                    self.send();
                    self.closed = true;
                }
            }
        }
    }

    /// The replies go out.
    pub fn send(&mut self) {
        self.out
            .each_piece(|piece| self.replies.extend_from_slice(piece));
        self.out.clear();
    }
}

/// Its socket does not exist.
const NOBODY: Caller<'_> = Caller::without_waiting(-1);
