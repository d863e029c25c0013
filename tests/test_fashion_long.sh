#!/bin/sh
# Five epochs of Fashion-MNIST.
epochs=5 least=0.88
. "$srcdir/tests/test_fashion.sh"
