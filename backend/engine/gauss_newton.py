"""Engine `gauss-newton`: damped least squares on the handles' positions.

The latent has few numbers and a pair asks for two, so a step is a small least-squares problem instead of one of
hundreds of small gradient steps. Unknown is x with w = start + L·x for the free entries of w+. Were L·Lᵀ the covariance
of w, a step of length 1 would be one deviation of the model's faces, and the shortest x the likeliest other face; for
the same face with a feature elsewhere its directions are evened (`EVEN`).

A step (`advance`) does:
 1. the Jacobian of the positions with respect to x: how the feature map's change moves the patches
    (`Follower.motion_maps`), pulled back through the synthesis up to F. Rows are kept from step to step and corrected
    by what was seen to happen (Broyden 1965); those that predicted badly are computed anew;
 2. Δx, which moves each handle along its line by at most `LONGEST_STEP`, keeps what the mask protects and, less
    firmly, what it lets move but nobody pulls (`Held`; without a mask, what is far from the handles), and stays near
    the start (`damped_step`);
 3. a look at the new feature map: positions, and the cost of all three wishes. A cost that is not lower is rolled
    back and tried again with fresh rows, then nearer (Levenberg 1944, Marquardt 1963).

More than twelve handles where a head may move ask for another face, not for a feature (`asks_for_a_face`). Such a face
is far away in w, so its prior is weak; and it is one of the model's as long as the entries of w+ change alike: mixing
coarse entries of one face with fine ones of another is what the model was trained with.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.engine import engines
from backend.engine.engines import DragProblem
from backend.engine.following import Follower, limited
from backend.engine.freedom import FEATURE_RESOLUTION, asks_for_a_face
from backend.engine.holding import Held, calm_costs, far_costs, fixed_costs
from backend.engine.jacobian import basis, corrected, pull_back
from backend.engine.least_squares import damped_step
from backend.engine.ways import NEAR
from stylegan_ops.precision import mixed_precision

LONGEST_STEP = 2.5 / 256
"""How far a handle moves in one step, as a part of the picture's longer side."""

SHORTEST_MOTION = 0.1
"""Part of the longest step that an error of prediction is at least compared with."""

POSITION_ERROR = 1.0 / 256
"""Deviation that a position is trusted to, as a part of the picture's longer side."""

HOLD = 3.0
"""Cost of a mean square change of 1 deviation where nothing may move, for a `lambda_mask` of 1. Pictures keep it anyhow
(`keeping.py`); the less it would change, the better the two fit."""

CALM, RELAX, GIVEN_UP = 2.0, 0.2, 0.07
"""Weight, in that of what may not move, of what may move but is not pulled; how much of it is left when the drag would
be stuck with it, and the weight that is none."""

FRESH_ROWS = 24
"""The most rows of positions that one step computes anew: a step has to stay short, however many points there are."""

DIRECTIONS = 4
"""For another face, once each point has had rows: so many combinations of the rows are computed anew in a step."""

ALIKE = 0.9
"""How far entries of w+ change alike for another face: the correlation of their changes."""

REST, REST_OF_A_FACE = 20.0, 60.0
"""Cost of a mean square change of 1 deviation of what is far from all handles, where there is no mask; the second where
another face is asked for."""

GIVES_WAY = 0.3
"""Without a mask the rest gives way as long as it has this part of its weight: once. Another face never quite arrives:
there it does not."""

EVEN, FREE = 0.35, 0.3
"""For features of the same face: the power of the covariance of w that steps are measured by, and a factor on the
prior's weight. The directions in which w varies most are those of other faces; nearer to all directions alike, a
feature moves with less of the rest."""

LENIENT, FIRM = 0.1, 3.0
"""Factors on the prior's weight for another face: on its distance from the start, and on the length of a step."""

TRIALS = 4
"""The most latents that one step looks at before it gives up."""

SHORTEN = 0.4
LENGTHEN = 1.5

RETURN = 0.3
"""How far (deviations) one step goes back towards the start where nothing else asks for it."""

WRONG = 0.3
"""A row is computed anew when its prediction was wrong by more than this part of the motion."""

RENEWED = 0.7
"""After each step a patch is remembered by so much as it looks now: features change as they move, and what no longer
looks as at first would count for less and less. For another face the first looks stay."""

LEAST_CONFIDENCE = 0.05
LOST = 0.2
"""Least weight of a handle, and the confidence below which it counts as out of sight."""

PATIENCE, LEAST_PROGRESS, LITTLE_PROGRESS = 6, 0.03, 0.08
"""The drag is stuck when so many steps together lower the cost by less than this part; the last for another face."""

NEARLY, INSISTENCE = 2.5 / 256, 0.4
"""Handles that are stuck nearer than this (part of the picture's side) are trusted to this part of the deviation."""


@dataclass(frozen=True)
class State:
    """A latent that was looked at.

    x: [layers, w_dim], the leaf of the graph of `features` [1, C, m, m]. plain: the same features, [C, m, m] float32.
    positions: [N, 2], crop space. confidence: [N]. change: of what is held, or None.
    """

    x: Tensor
    features: Tensor
    plain: Tensor
    positions: Tensor
    confidence: Tensor
    change: Tensor | None


@dataclass(frozen=True)
class Trial:
    """A step that was tried: where it led, what that costs, its change of x [n], the motions it predicted [N, 2]."""

    state: State
    cost: Tensor
    delta: Tensor
    moves: Tensor


class GaussNewtonEngine:
    """One running drag; see the module's text. Positions are crop space throughout."""

    nearest_stop = 0.1

    def __init__(self, problem: DragProblem) -> None:
        self._problem = problem
        self._size = max(problem.shape)
        self._side = min(FEATURE_RESOLUTION, problem.generator.img_resolution)
        self._device = problem.latent.device
        layers = min(problem.free_layers, problem.latent.shape[1])
        self._start = problem.latent[0, :layers].detach().float()
        self._rest = problem.latent[:, layers:].detach().float()
        self._prior = self._stiffness = 10 ** (1 - 2 * problem.strength)
        self._least = LEAST_PROGRESS
        self._mixture: Tensor | None = None
        another_face = asks_for_a_face(len(problem.handles), problem.mask)
        self._deviations = _square_root(problem.covariance, self._start, 1.0 if another_face else EVEN)
        if another_face:
            self._prior *= LENIENT
            self._stiffness *= FIRM
            self._least = LITTLE_PROGRESS
            self._mixture = _mixture(layers).to(self._start)
        else:
            self._prior = self._stiffness = FREE * self._prior
        self._longest = LONGEST_STEP * self._size
        self._error = POSITION_ERROR * self._size
        self._reach = self._longest
        self._follower: Follower | None = None
        self._held: Held | None = None
        self._state: State | None = None
        count = len(problem.handles)
        self._rows = torch.zeros(2 * count, self._start.numel(), device=self._device)
        self._doubts = np.full(count, np.inf)
        self._fresh = np.zeros(count, bool)
        self._errors: deque[Tensor] = deque(maxlen=DIRECTIONS - 1)
        self._targets: Tensor | None = None
        self._origins: Tensor | None = None
        self._costs: deque[float] = deque(maxlen=PATIENCE + 1)
        self._stuck: str | None = None
        self._calm = 0.0
        self._kept_calm = CALM if another_face else 0.0 if problem.mask is not None else GIVES_WAY * CALM
        self._ways: Tensor | None = None

    @property
    def latent(self) -> Tensor:
        return self._problem.latent.clone() if self._state is None else self._latent(self._state.x.detach())

    @property
    def stuck(self) -> str | None:
        return self._stuck

    def locate(self) -> NDArray[np.float64]:
        if self._state is None:
            self._state = self._first_look()
            return self._problem.handles.copy()
        return self._state.positions.double().cpu().numpy()

    def _latent(self, x: Tensor) -> Tensor:
        change = x if self._mixture is None else self._mixture @ x
        return torch.cat([(self._start + change @ self._deviations.t())[None], self._rest], dim=1)

    def _features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """F of a latent, [1, C, m, m] with its graph, and the same without, [C, m, m] float32."""
        with torch.enable_grad(), mixed_precision(self._device):
            features: Tensor = self._problem.generator.synthesis.features(
                self._latent(x), self._side, noise_mode="const", fused_modconv=False
            )
        return features, features.detach()[0].float()

    def _first_look(self) -> State:
        x = torch.zeros_like(self._start).requires_grad_(True)
        features, plain = self._features(x)
        handles = torch.from_numpy(self._problem.handles).to(plain)
        self._follower = Follower(plain, handles, self._problem.shape)
        mask = self._problem.mask
        if self._problem.lambda_mask > 0 and (mask is None or bool((mask < 1).any())):
            self._held = Held(plain, torch.zeros_like(plain[0]), self._follower.scale, x.numel())
        change = None if self._held is None else self._held.change(plain)
        return State(x, features, plain, handles, torch.ones_like(handles[:, 0]), change)

    @staticmethod
    def _cells(plain: Tensor) -> tuple[int, int]:
        return plain.shape[1], plain.shape[2]

    def _weigh(self, state: State, calm: float) -> State:
        """Gives what may move but is not pulled another weight, in that of what may not move; the state with it.

        Without a mask that is what is far from the handles' ways.
        """
        mask = self._problem.mask
        if self._held is None or self._ways is None:
            return state
        cells = self._cells(state.plain)
        self._calm = calm if calm > GIVEN_UP else 0.0
        if mask is None:
            weight = REST if self._mixture is None else REST_OF_A_FACE
            costs = weight * self._calm / CALM * far_costs(self._problem.shape, cells, self._ways)
        else:
            costs = fixed_costs(mask, cells) + self._calm * calm_costs(mask, cells, self._ways)
            costs = HOLD * self._problem.lambda_mask * costs
        self._held.weigh(costs)
        self._costs.clear()
        self._reach = self._longest
        self._state = replace(state, change=self._held.change(state.plain))
        return self._state

    def _look(self, x: Tensor, expected: Tensor, before: Tensor) -> State:
        assert self._follower is not None
        x = x.detach().requires_grad_(True)
        features, plain = self._features(x)
        found = self._follower.find(plain, expected, before, 2 * self._longest)
        change = None if self._held is None else self._held.change(plain)
        return State(x, features, plain, found.positions, found.confidence, change)

    @torch.no_grad()
    def advance(self, targets: NDArray[np.float64]) -> float:
        state = self._state
        if state is None:
            raise RuntimeError("locate() has to come before the first advance()")
        wanted = torch.from_numpy(targets).to(state.positions)
        state = self._aim(state, wanted)
        weights = state.confidence.clamp(min=LEAST_CONFIDENCE)
        cost = self._cost(state, wanted, weights)
        if self._held is not None and state.change is not None and bool(state.change.any()):
            self._held.begin(state.change, partial(pull_back, state.features, state.x))
        self._fresh[:] = False
        self._renew(state, self._doubts > WRONG)
        trial = self._better(state, wanted, weights, cost)
        if trial is None:
            if bool(cost.isfinite()):
                self._stop_or_insist(state, wanted, weights)
            return float(cost)
        self._learn(state, trial)
        if self._mixture is None:
            assert self._follower is not None
            self._follower.look_again(trial.state.plain, trial.state.positions, RENEWED)
        self._reach = min(self._longest, self._reach * LENGTHEN)
        self._state = trial.state
        reached = float(trial.cost)
        self._costs.append(reached)
        if len(self._costs) > PATIENCE and self._costs[0] - reached < self._least * self._costs[0]:
            self._stop_or_insist(trial.state, wanted, weights)
        return reached

    def _better(self, state: State, wanted: Tensor, weights: Tensor, cost: Tensor) -> Trial | None:
        """The first of some trials that costs less than `cost`: with fresh rows, then with shorter steps."""
        for _ in range(TRIALS):
            trial = self._try(state, wanted, weights)
            if bool(trial.cost < cost):
                return trial
            if self._fresh.any() or not self._renew(state, ~self._fresh):
                self._reach *= SHORTEN
        return None

    def _try(self, state: State, wanted: Tensor, weights: Tensor) -> Trial:
        delta = self._solve(state, wanted, weights, True, self._reach)
        moves = (self._rows @ delta).reshape(-1, 2)
        there = self._look(state.x + delta.reshape(state.x.shape), state.positions + moves, state.positions)
        return Trial(there, self._cost(there, wanted, weights), delta, moves)

    def _aim(self, state: State, wanted: Tensor) -> State:
        """Begins new lines where the handles are, when a target is another one than in the last step."""
        if self._targets is None or not torch.equal(wanted, self._targets):
            self._targets, self._origins = wanted, state.positions
            self._stuck = None
            self._costs.clear()
            self._reach = self._longest
            self._error = POSITION_ERROR * self._size
            handles = torch.from_numpy(self._problem.handles).to(wanted)
            ways = torch.stack([handles, wanted], dim=1).to(state.plain)
            # A target that is being moved does not make everything be learned anew at each px.
            if self._ways is None or float((ways - self._ways).norm(dim=2).max()) > NEAR * self._size:
                self._ways = ways
                return self._weigh(state, CALM)
        return state

    def _cost(self, state: State, wanted: Tensor, weights: Tensor) -> Tensor:
        """All wishes in one number: Huber's function of the distances, so that far handles do not outweigh near ones,
        the change of what is held, and the distance from the start.
        """
        distance = torch.linalg.norm(wanted - state.positions, dim=1)
        far = 2 * self._longest * distance - self._longest**2
        cost = (weights * torch.where(distance <= self._longest, distance.square(), far)).sum()
        cost = cost / self._error**2 + self._prior * state.x.square().sum()
        cost = cost + 0 * state.plain.sum()  # a map that is not all numbers makes the cost not a number
        return cost if state.change is None else cost + state.change.square().sum()

    def _stretch(self, positions: Tensor, wanted: Tensor, reach: float) -> Tensor:
        """The motion to ask of each handle, [N, 2]: along its line to the target and back onto it, at most `reach`."""
        assert self._origins is not None
        line = wanted - self._origins
        length = torch.linalg.norm(line, dim=1, keepdim=True).clamp(min=1e-9)
        line = line / length
        done = ((positions - self._origins) * line).sum(dim=1, keepdim=True)
        waypoint = self._origins + line * torch.minimum(done + reach, length)
        return limited(waypoint - positions, reach)

    def _solve(self, state: State, wanted: Tensor, weights: Tensor, with_held: bool, reach: float) -> Tensor:
        scale = self._scale(weights)
        rows = self._rows * scale[:, None]
        wish = self._stretch(state.positions, wanted, reach).flatten() * scale
        if with_held and self._held is not None:
            held_rows, held_wish = self._held.rows()
            rows, wish = torch.cat([rows, held_rows]), torch.cat([wish, held_wish])
        position = state.x.detach().flatten()
        back = RETURN * reach / self._longest
        centre = -position * (back / torch.linalg.norm(position).clamp(min=1e-9)).clamp(max=1)
        return damped_step(rows, wish, centre, self._stiffness)

    def _renew(self, state: State, which: NDArray[np.bool_]) -> bool:
        """Computes the rows of the points `which` [N] anew, of the most doubtful ones if they are many.

        A point that never had rows borrows those of its nearest neighbour that has. Says whether there was any.
        """
        assert self._follower is not None
        if self._mixture is not None and np.isfinite(self._doubts).all():
            return self._renew_along(state)
        points = np.flatnonzero(which)
        if not len(points):
            return False
        points = points[np.argsort(-self._doubts[points], kind="stable")][: FRESH_ROWS // 2]
        numbers = np.stack([2 * points, 2 * points + 1], axis=1).reshape(-1)
        rows = torch.from_numpy(numbers).to(self._device)
        maps = self._follower.motion_maps(state.plain, state.positions, rows)
        self._rows[rows] = pull_back(state.features, state.x, maps)
        self._fresh[points] = True
        self._doubts[points] = 0
        unknown = np.flatnonzero(np.isinf(self._doubts))
        if len(unknown):
            known = np.flatnonzero(np.isfinite(self._doubts))
            apart = torch.cdist(state.positions[unknown], state.positions[known])
            nearest = known[apart.argmin(dim=1).cpu().numpy()]
            for axis in (0, 1):
                self._rows[2 * unknown + axis] = self._rows[2 * nearest + axis]
        return True

    def _renew_along(self, state: State) -> bool:
        """Corrects the rows of many points along the motion that is asked for, which makes the cost's gradient exact,
        and along the latest errors of prediction. Says whether that was not done before in this step.
        """
        assert self._follower is not None
        assert self._targets is not None
        if self._fresh.all():
            return False
        scale = self._scale(state.confidence.clamp(min=LEAST_CONFIDENCE))
        wish = self._stretch(state.positions, self._targets, self._reach).flatten()
        along = basis(torch.stack([wish, *self._errors]) * scale)
        shares = (along * scale).reshape(len(along), -1, 2)
        maps = self._follower.motion_sums(state.plain, state.positions, shares)
        exact = pull_back(state.features, state.x, maps)
        self._rows = corrected(self._rows * scale[:, None], along, exact) / scale[:, None]
        self._fresh[:] = True
        return True

    def _scale(self, weights: Tensor) -> Tensor:
        """From px to deviations of an error, [2N], for handles with `weights` [N]."""
        return (weights.sqrt() / self._error).repeat_interleave(2)

    def _learn(self, state: State, trial: Trial) -> None:
        """Corrects the rows by what the step did, and notes how wrong each point's were."""
        moves, delta = trial.moves, trial.delta
        error = trial.state.positions - state.positions - moves
        self._errors.appendleft(error.flatten())
        self._rows += torch.outer(error.flatten(), delta) / delta.square().sum().clamp(min=1e-12)
        moved = torch.linalg.norm(moves, dim=1) + SHORTEST_MOTION * self._longest
        wrong = (torch.linalg.norm(error, dim=1) / moved).cpu().numpy()
        self._doubts = np.where(np.isinf(self._doubts), self._doubts, wrong)

    def _stop_or_insist(self, state: State, wanted: Tensor, weights: Tensor) -> None:
        """What holds the handles back without need gives way; handles that are nearly there are asked for once more,
        with more weight; else the drag is stuck.
        """
        if self._calm > self._kept_calm:
            self._weigh(state, self._calm * RELAX)
            return
        distance = torch.linalg.norm(wanted - state.positions, dim=1)
        near = NEARLY * self._size
        if self._error == POSITION_ERROR * self._size and bool((distance < near).all()):
            self._error *= INSISTENCE
            self._reach = min(self._longest, near)
            self._costs.clear()
        else:
            self._stuck = self._reason(state, wanted, weights)

    def _reason(self, state: State, wanted: Tensor, weights: Tensor) -> str:
        """Why the handles come no nearer, for the artist: which of the wishes the others are given up for."""
        if bool((state.confidence < LOST).any()):
            return "The picture around a point has changed so much that it can no longer be followed."
        wish = self._stretch(state.positions, wanted, self._longest).flatten()
        weight = weights.repeat_interleave(2)

        def left(delta: Tensor) -> float:
            return float((weight * (wish - self._rows @ delta).square()).sum())

        together = left(self._solve(state, wanted, weights, True, self._longest))
        if (
            self._held is not None
            and left(self._solve(state, wanted, weights, False, self._longest)) < together / 2
        ):
            if self._problem.mask is None:
                return "The points would come nearer only with more of the rest of the picture."
            return "What may not move holds the points back."
        if len(wanted) > 1 and self._alone(wish) < together / 2:
            return "The points pull against each other; this is the best that suits them all."
        return "The model knows no picture in which the points come nearer to their targets."

    def _alone(self, wish: Tensor) -> float:
        """What would be left if every handle could be moved without the others."""
        pairs = self._rows.reshape(-1, 2, self._rows.shape[1]) / self._error
        gram = pairs @ pairs.transpose(1, 2)
        stiff = gram + self._stiffness * torch.eye(2, device=self._device)
        asked = wish.reshape(-1, 2, 1)
        return float((asked - gram @ torch.linalg.solve(stiff, asked)).square().sum())


def _mixture(entries: int) -> Tensor:
    """The symmetric root of a covariance of 1 for each entry and `ALIKE` between any two, [entries, entries]."""
    apart, alike = (1 - ALIKE) ** 0.5, (1 - ALIKE + entries * ALIKE) ** 0.5
    return apart * torch.eye(entries) + (alike - apart) / entries


def _square_root(covariance: Tensor | None, like: Tensor, power: float) -> Tensor:
    """L with L·Lᵀ = `covariance` [w_dim, w_dim] to a power, of the same trace; the identity when there is none."""
    if covariance is None:
        return torch.eye(like.shape[-1], device=like.device)
    return _power_root(covariance, power).to(like)


@lru_cache(maxsize=4)
def _power_root(covariance: Tensor, power: float) -> Tensor:
    variances, directions = torch.linalg.eigh(covariance.float())
    # Directions in which w never varies are left a hundredth of the largest deviation.
    variances = variances.clamp(min=1e-4 * float(variances.max()))
    evened = variances**power
    return directions * (evened * (variances.sum() / evened.sum())).sqrt()


engines.register("gauss-newton", GaussNewtonEngine)
