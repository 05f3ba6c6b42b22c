"""Strategies from Python for tests: one that is fine, and the ways in which one is not."""

import numpy as np


class Breakout:
    """Enters where the close is above that of `candles` before, leaves where it falls below."""

    def warm_up(self, parameters):
        return int(parameters.get("candles", 3)) + 2

    def __call__(self, candles, parameters):
        apart = int(parameters.get("candles", 3)) + 1
        close = candles.close
        signal = np.zeros(len(close), np.int8)
        signal[apart:] = np.sign(close[apart:] - close[:-apart]) * (close[apart:] != close[apart - 1 : -1])
        return signal, np.abs(signal) * 0.01


class Raising(Breakout):
    """Divides by nothing."""

    def __call__(self, candles, parameters):
        raise ZeroDivisionError("no volume")


class Seeing(Breakout):
    """Enters before the close rises."""

    def __call__(self, candles, parameters):
        close = candles.close
        signal = np.zeros(len(close), np.int8)
        signal[:-1] = np.sign(close[1:] - close[:-1])
        return signal, np.abs(signal) * 0.01


def carrying(warm_up):
    """A function with a warm_up of its own."""

    def function(candles, parameters):
        return Breakout()(candles, parameters)

    function.warm_up = warm_up
    return function
