//! The ordered map of chains: a B-tree with at most nine keys a node.
//!
//! Chains may begin at equal positions. Which of them a search finds, and the order of a walk,
//! then depend on the shape of the tree, and with it the alignments; hence this exact shape.

/// Least number of children of an inner node; a node holds 2·DEGREE - 1 keys at most.
const DEGREE: usize = 5;
const MOST_KEYS: usize = 2 * DEGREE - 1;

/// A position and the chain that begins there.
type Key = (i64, u32);

#[derive(Debug, Clone, Copy, Default)]
struct Node {
    count: usize,
    is_inner: bool,
    keys: [Key; MOST_KEYS],
    children: [u32; MOST_KEYS + 1],
}

impl Node {
    /// Returns the index of the first key not below `position`.
    fn lower_bound(&self, position: i64) -> usize {
        self.keys[..self.count].partition_point(|key| key.0 < position)
    }

    /// Returns where a new key goes: behind the first equal key, else before the first larger.
    fn slot(&self, position: i64) -> usize {
        let at = self.lower_bound(position);
        at + usize::from(at < self.count && self.keys[at].0 == position)
    }
}

/// A B-tree from positions to chains.
#[derive(Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    root: u32,
}

impl Tree {
    /// Forgets all keys.
    pub fn clear(&mut self) {
        self.nodes.clear();
        self.root = 0;
    }

    /// Returns the chain met first among those with the largest position up to `position`.
    pub fn floor(&self, position: i64) -> Option<u32> {
        let mut found = None;
        let mut node = self.nodes.get(self.root as usize)?;
        loop {
            let at = node.lower_bound(position);
            if at < node.count && node.keys[at].0 == position {
                return Some(node.keys[at].1);
            }
            if at > 0 {
                found = Some(node.keys[at - 1].1);
            }
            if !node.is_inner {
                return found;
            }
            node = &self.nodes[node.children[at] as usize];
        }
    }

    /// Adds a key.
    pub fn insert(&mut self, position: i64, chain: u32) {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        if self.nodes[self.root as usize].count == MOST_KEYS {
            let mut root = Node {
                is_inner: true,
                ..Node::default()
            };
            root.children[0] = self.root;
            self.root = self.nodes.len() as u32;
            self.nodes.push(root);
            self.split(self.root as usize, 0);
        }
        let mut at = self.root as usize;
        while self.nodes[at].is_inner {
            let mut slot = self.nodes[at].slot(position);
            let child = self.nodes[at].children[slot] as usize;
            if self.nodes[child].count == MOST_KEYS {
                self.split(at, slot);
                slot += usize::from(position > self.nodes[at].keys[slot].0);
            }
            at = self.nodes[at].children[slot] as usize;
        }
        let leaf = &mut self.nodes[at];
        let slot = leaf.slot(position);
        leaf.keys.copy_within(slot..leaf.count, slot + 1);
        leaf.keys[slot] = (position, chain);
        leaf.count += 1;
    }

    /// Splits a full child of a node that is not full.
    fn split(&mut self, parent: usize, slot: usize) {
        let left = self.nodes[parent].children[slot] as usize;
        let mut right = Node {
            count: DEGREE - 1,
            ..self.nodes[left]
        };
        right.keys.copy_within(DEGREE.., 0);
        right.children.copy_within(DEGREE.., 0);
        let middle = self.nodes[left].keys[DEGREE - 1];
        self.nodes[left].count = DEGREE - 1;
        let new = self.nodes.len() as u32;
        self.nodes.push(right);
        let node = &mut self.nodes[parent];
        let count = node.count;
        node.children.copy_within(slot + 1..=count, slot + 2);
        node.children[slot + 1] = new;
        node.keys.copy_within(slot..count, slot + 1);
        node.keys[slot] = middle;
        node.count += 1;
    }

    /// Appends the chains in the order of their keys.
    pub fn in_order(&self, chains: &mut Vec<u32>) {
        if !self.nodes.is_empty() {
            self.walk(self.root as usize, chains);
        }
    }

    fn walk(&self, at: usize, chains: &mut Vec<u32>) {
        let node = &self.nodes[at];
        for slot in 0..node.count {
            if node.is_inner {
                self.walk(node.children[slot] as usize, chains);
            }
            chains.push(node.keys[slot].1);
        }
        if node.is_inner {
            self.walk(node.children[node.count] as usize, chains);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn distinct_keys_are_found_as_in_an_ordered_map(positions in prop::collection::hash_set(0i64..2000, 0..300)) {
            let mut tree = Tree::default();
            let mut map = std::collections::BTreeMap::new();
            for (chain, &position) in positions.iter().enumerate() {
                let expected = map.range(..=position).next_back().map(|(_, &chain)| chain);
                prop_assert_eq!(tree.floor(position), expected);
                tree.insert(position, chain as u32);
                map.insert(position, chain as u32);
            }
            let mut walked = Vec::new();
            tree.in_order(&mut walked);
            prop_assert_eq!(walked, map.into_values().collect::<Vec<_>>());
        }
    }

    #[test]
    fn equal_keys_go_right_behind_the_first_equal_one_of_their_leaf() {
        let mut tree = Tree::default();
        for chain in 0..4 {
            tree.insert(5, chain);
        }
        let mut walked = Vec::new();
        tree.in_order(&mut walked);
        assert_eq!(walked, [0, 3, 2, 1]);
        assert_eq!(tree.floor(5), Some(0));
        assert_eq!(tree.floor(4), None);
    }
}
