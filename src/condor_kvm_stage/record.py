"""Classes that hold values, as `dataclasses` makes them, for programs that run for each job, or each minute.

Importing `dataclasses` takes 11 ms beyond what they need anyway, and each class 0.7 ms more: it reads signatures and
compiles code. This is the part of it that is used here. Its own functions take these classes, too, and type checkers
see the original.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import asdict, dataclass, field, replace
else:

    def dataclass(cls=None, *, frozen=False):
        """Give a class `__init__`, `__eq__`, `__hash__` and `__repr__` for its annotations. A decorator."""
        return _decorate(cls, frozen) if cls else lambda cls: _decorate(cls, frozen)

    def field(*, default_factory):
        """Return a field's default: what the function returns for each instance."""
        return _Made(default_factory)

    def replace(instance, **changes):
        """Return a copy with other values."""
        return type(instance)(**{**vars(instance), **changes})

    def asdict(instance):
        """Return the values by their names. Unlike the original, it does not look into them."""
        return dict(vars(instance))

    class _Made:
        def __init__(self, make):
            self.make = make

    class _Fields:
        """`__dataclass_fields__`, by which the functions of `dataclasses` know such a class."""

        def __get__(self, instance, cls):
            import dataclasses

            of = [(name, object, dataclasses.field(default=None)) for name in cls.__annotations__]
            return dataclasses.make_dataclass(cls.__name__, of).__dataclass_fields__

    def _decorate(cls, frozen):
        names = tuple(cls.__annotations__)
        defaults = {name: cls.__dict__[name] for name in names if name in cls.__dict__}

        def init(self, *values, **named):
            given = {**dict(zip(names, values)), **named}
            if len(given) != len(values) + len(named) or not given.keys() <= set(names):
                raise TypeError(f"{cls.__name__}() got other arguments than {', '.join(names)}")
            own = vars(self)
            for name in names:
                if name not in given and name not in defaults:
                    raise TypeError(f"{cls.__name__}() lacks {name}")
                value = given[name] if name in given else defaults[name]
                own[name] = value.make() if isinstance(value, _Made) else value

        cls.__init__ = init
        cls.__eq__, cls.__hash__, cls.__repr__ = _is_equal, _hash if frozen else None, _shown
        if frozen:
            cls.__setattr__ = cls.__delattr__ = _refuse
        cls.__dataclass_fields__ = _Fields()
        return cls

    def _is_equal(self, other):
        return vars(self) == vars(other) if type(other) is type(self) else NotImplemented

    def _hash(self):
        return hash(tuple(vars(self).values()))

    def _shown(self):
        return f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"

    def _refuse(self, name, *_):
        raise AttributeError(f"cannot change {name}: a {type(self).__name__} stays as it was made")


__all__ = ["asdict", "dataclass", "field", "replace"]
