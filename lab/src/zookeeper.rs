//! ZooKeeper: its server, and what the lab's services ask of it.
