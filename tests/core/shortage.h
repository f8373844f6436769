/* shortage.h -- threads that cannot be had.
 *
 * shortage.c stands before the C library's pthread_create in every test
 * program: limits of the system do not bind root, under whom tests may run.
 *
 * Threads: any.
 */
#ifndef TDM_SHORTAGE_H
#define TDM_SHORTAGE_H

/* So many more threads can be created; negative: as many as there may be. */
void shortage_of_threads(int n);

#endif
