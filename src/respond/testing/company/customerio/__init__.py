"""A simulated Customer.io account: management, App, Track and Pipelines surfaces."""

from respond.testing.company.customerio.account import Account, Actor, Settings
from respond.testing.company.customerio.state import State
from respond.testing.company.customerio.system import SURFACES, CustomerIo

__all__ = ["SURFACES", "Account", "Actor", "CustomerIo", "Settings", "State"]
