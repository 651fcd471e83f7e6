/*
 * blas_env.h - making OpenBLAS know the processor it runs on. A program that
 * calls this also keeps it from starting threads where memory is limited,
 * before main().
 */
#ifndef CLI_BLAS_ENV_H
#define CLI_BLAS_ENV_H

/*
 * An OpenBLAS that is older than the processor takes it for an ancient one and
 * is several times slower than it could be. It can only be told before it is
 * loaded, by OPENBLAS_CORETYPE; so when that has happened, start the program
 * again with it. To be called first of all. Does nothing when the variable is
 * set already, or where we do not know better.
 */
void blas_env_settle(char **argv);

/* The same, but only if one of the words begins like that. */
void blas_env_settle_for(char **argv, const char *begin);

#endif
