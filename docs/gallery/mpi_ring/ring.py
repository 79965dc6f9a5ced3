"""A ring of processes and a map over them: ``mpiexec -n 2 python -m ring``."""

from mpi4py import MPI


def around_the_ring(world):
    """Send a message from rank to rank, each of which appends its name, and return it at rank 0 (elsewhere None)."""
    rank, size = world.Get_rank(), world.Get_size()
    me, following = f"rank {rank} of {size}", (rank + 1) % size
    if rank == 0:
        # A ring of one sends to itself, so the message must not have to be received before `isend` returns.
        request = world.isend([me], following)
        message = world.recv(source=size - 1)
        request.wait()
        return message
    world.send([*world.recv(source=rank - 1), me], following)
    return None


def map_over_ranks(world, function, values):
    """Return ``[function(value) for value in values]`` at every rank. Each rank calls the function for its share."""
    rank, size = world.Get_rank(), world.Get_size()
    shares = world.allgather([function(value) for value in values[rank::size]])
    return [shares[index % size][index // size] for index in range(len(values))]


def fib(n):
    """Return the nth Fibonacci number, the slow way."""
    return 1 if n <= 2 else fib(n - 1) + fib(n - 2)


def main():
    """Print at rank 0 what came round the ring, and what the map returned."""
    world = MPI.COMM_WORLD
    message = around_the_ring(world)
    numbers = map_over_ranks(world, fib, [8, 7, 6, 5, 4])
    if world.Get_rank() == 0:
        print(", then ".join(message))
        print(numbers)


if __name__ == "__main__":
    main()
