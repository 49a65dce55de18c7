"""What an LSTM net and its learning rule know of each other."""

from typing import Any, NamedTuple


class Shape(NamedTuple):
    """The sizes of a net: hidden units are input gates, output gates, cells, in this order; a bias is a unit's last."""

    blocks: int
    size: int
    dense: int  # inputs, but for those given by their index
    sources: int  # dense inputs and hidden units
    to_gate: int  # sources, and the bias if there is one
    to_cell: int
    to_output: int  # cells, and the bias if there is one
    gate_learns: int  # sources, and the bias if it learns
    cell_learns: int
    output_learns: int
    n_out: int
    symbols: bool  # are inputs given by their index
    current_gates: bool  # do cells see the gates of the same time step
    waits: bool  # do changes of weights wait for the end of the sequence, in dw and dw_out

    @property
    def cells(self) -> int:
        """Memory cells."""
        return self.blocks * self.size

    @property
    def hidden(self) -> int:
        """Gates and cells."""
        return 2 * self.blocks + self.cells


class Rule(NamedTuple):
    """A learning rule, as compiled functions of a net."""

    carry: Any  # (net, c, y_in, dy_in, g, dg, h, dh): what is to be kept of cell c at this time step
    keep: Any  # (net): the time step is done
    learn: Any  # (net): learn from the errors net.e_k, in lanes whose rate is not 0
    settle: Any  # (net, lane): the sequence has ended
    reset: Any  # (net, lane): forget the sequence
