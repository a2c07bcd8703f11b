//! Sockets: bytes in from clients, bytes out to them.
//!
//! ```text
//! listener thread ── accept ──► inbox ──► worker ── recv ──► session ── send ──► client
//! ```
//!
//! | file          | holds                                                        |
//! |---------------|--------------------------------------------------------------|
//! | `listen`      | opening the listening sockets that the settings ask for      |
//! | `listen_list` | the list of `-l`                                             |
//! | `port_file`   | the file that says which ports they got                      |
//! | `activation`  | sockets that a supervisor has opened                         |
//! | `listener`    | the first thread: accepts, hands over, ticks, obeys signals  |
//! | `inbox`       | what other threads have for a worker                         |
//! | `worker`      | a thread with an epoll loop and all connections it was given |
//! | `conn_table`  | the connections of a worker, by token                        |
//! | `sleeping`    | connections with a dump, between two turns                   |
//! | `connection`  | one client: its stream, its session, what is left over       |
//! | `stream`      | the way to a peer: receive, send                             |
//! | `stash`       | input that waits for the rest of its request                 |
//! | `udp`         | requests in datagrams                                        |
//! | `logger`      | the thread that sends lines to watchers                      |
//! | `idle`        | the thread that has silent clients closed                    |

#![forbid(unsafe_code)]

pub mod activation;
mod conn_table;
mod connection;
pub mod idle;
pub mod inbox;
pub mod listen;
pub mod listen_list;
pub mod listener;
pub mod logger;
#[cfg(all(test, loom))]
mod loom_models;
pub mod port_file;
mod sleeping;
mod stash;
mod stream;
pub mod udp;
pub mod worker;
