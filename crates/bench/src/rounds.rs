//! How contenders are measured so that neither is favoured: in turn, many times, after a warm-up.

/// How many rounds count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rounds {
    /// Rounds whose figures count; one more goes before them.
    pub counted: usize,
}

/// One measurement within the rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// 0 is the warm-up, which does not count.
    pub round: usize,
    /// Whose turn it is, as an index.
    pub contender: usize,
}

impl Rounds {
    /// The rounds of a full run.
    pub const FULL: Self = Self { counted: 5 };

    /// The rounds of `--quick`.
    pub const QUICK: Self = Self { counted: 3 };

    /// Measures each of `contenders` once per round, and gives what each reached in those that count.
    ///
    /// Every second round goes backwards: the machine's slow changes, such as its temperature, then fall
    /// on all alike, and none always comes after the same other one.
    pub fn run<T: Clone, E>(
        self,
        contenders: usize,
        mut measure: impl FnMut(Turn) -> Result<T, E>,
    ) -> Result<Vec<Vec<T>>, E> {
        let mut reached = vec![Vec::new(); contenders];
        for round in 0..=self.counted {
            for turn in 0..contenders {
                let contender = if round % 2 == 0 { turn } else { contenders - 1 - turn };
                let measured = measure(Turn { round, contender })?;
                if round > 0 {
                    reached[contender].push(measured);
                }
            }
        }
        Ok(reached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contenders_take_turns_and_the_warm_up_does_not_count() {
        let mut turns = Vec::new();
        let reached = Rounds { counted: 3 }.run(2, |turn| {
            turns.push((turn.round, turn.contender));
            Ok::<_, ()>(10 * turn.contender + turn.round)
        });
        assert_eq!(turns, [(0, 0), (0, 1), (1, 1), (1, 0), (2, 0), (2, 1), (3, 1), (3, 0)]);
        assert_eq!(reached, Ok(vec![vec![1, 2, 3], vec![11, 12, 13]]));
    }

    #[test]
    fn a_measurement_that_fails_ends_the_rounds() {
        let mut calls = 0;
        let result = Rounds::FULL.run(2, |turn| {
            calls += 1;
            if turn.round == 1 { Err("gone") } else { Ok(()) }
        });
        assert_eq!((result, calls), (Err("gone"), 3));
    }
}
